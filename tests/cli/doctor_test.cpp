#include "cli/doctor.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <regex>
#include <sstream>

#include "core/files.h"
#include "tests/support/golden.h"

namespace larmor::cli {
namespace {

const Check& only(const std::vector<Check>& checks) {
  EXPECT_EQ(checks.size(), 1u);
  return checks.front();
}

TEST(Doctor, ThisMachineRunsTheTests) {
  EXPECT_FALSE(only(check_processor()).text.empty());
  EXPECT_FALSE(only(check_memory()).text.empty());
  const std::vector<Check> libtorch = check_libtorch();
  ASSERT_EQ(libtorch.size(), 2u);
  EXPECT_EQ(libtorch[1].status, CheckStatus::ok);
  EXPECT_NE(libtorch[1].text.find(" in /"), std::string::npos) << libtorch[1].text;
}

TEST(Doctor, LibrariesTellTheirVersions) {
  const Check check = only(check_libraries());
  EXPECT_EQ(check.status, CheckStatus::ok);
  const std::string number = "[0-9]+[.][0-9]+([.][0-9]+)*";
  const std::regex form("OpenCV " + number + ", libtiff " + number + ", libpng " + number + ", zlib " + number + ", yaml-cpp " + number);
  EXPECT_TRUE(std::regex_match(check.text, form)) << check.text;
}

TEST(Doctor, ConvolutionIsRight) {
  const Check check = only(check_convolution(0));
  EXPECT_EQ(check.status, CheckStatus::ok) << check.text;
  EXPECT_TRUE(check.text.starts_with("right, ")) << check.text;
}

TEST(Doctor, CudaWithoutADriverIsOneLine) {
  const Check check = only(check_cuda({"libno-driver.so.1", "libno-torch.so", "libno-plugin.so"}));
  EXPECT_EQ(check.status, CheckStatus::missing);
  EXPECT_EQ(check.text, "libno-driver.so.1 is not here; --device cuda is off");
  // A library that is there and is no driver.
  EXPECT_EQ(only(check_cuda({"libm.so.6", "", ""})).status, CheckStatus::mend);
}

TEST(Doctor, GnuplotIsLookedForInThePath) {
  const auto folder = testing::make_temporary_folder("doctor");
  EXPECT_EQ(only(check_gnuplot(folder.string())).status, CheckStatus::missing);
  EXPECT_EQ(only(check_gnuplot("")).status, CheckStatus::missing);
  write_file_atomically(folder / "gnuplot", "#!/bin/sh\n");
  ASSERT_EQ(::chmod((folder / "gnuplot").c_str(), 0755), 0);
  const Check check = only(check_gnuplot("/no/such:" + folder.string()));
  EXPECT_EQ(check.status, CheckStatus::ok);
  EXPECT_EQ(check.text, (folder / "gnuplot").string());
}

TEST(Doctor, CacheMustBeAFolder) {
  const auto folder = testing::make_temporary_folder("doctor");
  EXPECT_EQ(only(check_cache((folder / "new").string())).text.find((folder / "new").string()), 0u);
  write_file_atomically(folder / "file", "");
  const std::string inside = (folder / "file" / "cache").string();
  const Check check = only(check_cache(inside));
  EXPECT_EQ(check.status, CheckStatus::mend);
  EXPECT_EQ(check.text, inside + " cannot be written; set LARMOR_CACHE to another folder");
}

TEST(Doctor, TextIsATable) {
  std::ostringstream out;
  print_checks({{"memory", CheckStatus::ok, "8 GiB"}, {"gnuplot", CheckStatus::missing, "no curves"}, {"cache", CheckStatus::mend, "full"}},
               out);
  EXPECT_EQ(out.str(),
            "memory         ok       8 GiB\n"
            "gnuplot        missing  no curves\n"
            "cache          mend     full\n");
}

}  // namespace
}  // namespace larmor::cli
