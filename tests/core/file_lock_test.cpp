#include "core/file_lock.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/errors.h"
#include "tests/support/golden.h"

namespace larmor {
namespace {

using testing::make_temporary_folder;
using testing::run_error;

TEST(FileLock, OneHolderAtATime) {
  const auto file = make_temporary_folder("file_lock") / ".lock";
  {
    const FileLock lock(file);
    EXPECT_EQ(run_error([&] { const FileLock second(file); }), fmt::format("{}: in use by process {}", file.string(), ::getpid()));
  }
  EXPECT_EQ(run_error([&] { const FileLock again(file); }), "<no error>");
}

TEST(FileLock, AKilledHolderLeavesItFree) {
  const auto file = make_temporary_folder("file_lock_killed") / ".lock";
  const pid_t child = ::fork();
  if (child == 0) {
    const FileLock lock(file);
    ::_exit(0);  // without destructors, as when killed
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(run_error([&] { const FileLock again(file); }), "<no error>");
}

TEST(FileLock, AMissingFolderIsTold) {
  const auto file = make_temporary_folder("file_lock_missing") / "none" / ".lock";
  EXPECT_EQ(run_error([&] { const FileLock lock(file); }), file.string() + ": cannot be made: No such file or directory");
}

}  // namespace
}  // namespace larmor
