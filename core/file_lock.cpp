#include "core/file_lock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>
#include <system_error>

#include "core/error.h"

namespace larmor {

namespace {

/// What the holder wrote; "" when it has not yet.
std::string holder_of(int descriptor) {
  std::array<char, 32> text{};
  const ssize_t size = ::pread(descriptor, text.data(), text.size(), 0);
  std::string digits;
  for (ssize_t i = 0; i < size && text[static_cast<size_t>(i)] >= '0' && text[static_cast<size_t>(i)] <= '9'; ++i) {
    digits += text[static_cast<size_t>(i)];
  }
  return digits;
}

}  // namespace

FileLock::FileLock(const std::filesystem::path& file) : descriptor_(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666)) {
  if (descriptor_ < 0) throw_run_error(fmt::format("{}: cannot be made: {}", file.string(), std::generic_category().message(errno)));
  if (::flock(descriptor_, LOCK_EX | LOCK_NB) == 0) {
    // Only a word for the message of whoever comes second: the lock holds without it.
    const std::string holder = fmt::format("{}\n", ::getpid());
    if (::ftruncate(descriptor_, 0) == 0) static_cast<void>(::pwrite(descriptor_, holder.data(), holder.size(), 0) == 0);
    return;
  }
  const int reason = errno;
  const std::string holder = holder_of(descriptor_);
  ::close(descriptor_);
  if (reason != EWOULDBLOCK) {
    throw_run_error(fmt::format("{}: cannot be locked: {}", file.string(), std::generic_category().message(reason)));
  }
  throw_run_error(fmt::format("{}: in use by {}", file.string(), holder.empty() ? "another process" : "process " + holder));
}

FileLock::~FileLock() { ::close(descriptor_); }

}  // namespace larmor
