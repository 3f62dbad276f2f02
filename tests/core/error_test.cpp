#include "core/error.h"

#include <gtest/gtest.h>

#include "tests/support/errors.h"

namespace larmor {
namespace {

TEST(ErrorText, KindIsTheExitCode) {
  EXPECT_EQ(Error(ErrorKind::run, "x").exit_code(), 1);
  EXPECT_EQ(Error(ErrorKind::usage, "x").exit_code(), 2);
  EXPECT_EQ(Error(ErrorKind::data, "x").exit_code(), 3);
  EXPECT_EQ(testing::run_error([] { throw_run_error("a"); }), "a");
  EXPECT_EQ(testing::usage_error([] { throw_usage_error("b"); }), "b");
  EXPECT_EQ(testing::data_error([] { throw_data_error("c"); }), "c");
}

TEST(ErrorText, ContextComesInFrontAndKeepsTheKind) {
  const Error error = Error(ErrorKind::data, "cut off").with_context("a.tif");
  EXPECT_STREQ(error.what(), "a.tif: cut off");
  EXPECT_EQ(error.kind(), ErrorKind::data);
}

TEST(NearestName, TakesTheSmallestDistanceWhenItIsNearEnough) {
  const std::vector<std::string> names = {"adam", "adamw", "radam", "ralamb", "ranger", "rangerlars"};
  struct Case {
    const char* name;
    const char* nearest;
  };
  for (const Case& c : std::vector<Case>{{"ranglars", "rangerlars"},
                                         {"adm", "adam"},
                                         {"Adam", "adam"},
                                         {"adamx", "adam"},  // the first of equals
                                         {"", ""},
                                         {"sgd", ""},
                                         {"momentum", ""}}) {
    EXPECT_EQ(nearest_name(c.name, names), c.nearest) << c.name;
  }
  EXPECT_EQ(nearest_name("se_resnext50", {"senet154", "se_resnext50_32x4d"}), "se_resnext50_32x4d");
  EXPECT_EQ(nearest_name("x", {}), "");
  EXPECT_EQ(nearest_name("dcie", {"bce", "dice"}), "dice");  // exchanged neighbours are one mistake
  EXPECT_EQ(nearest_name("ab", {"ba"}), "");                 // half of the letters, and another beginning
  EXPECT_EQ(nearest_name("resnet50", {"senet154", "se_resnext50_32x4d"}), "");
  EXPECT_EQ(nearest_name("valid", {"train", "validation"}), "validation");
}

TEST(NearestName, GivesUpOnEndlessNames) {
  const std::string endless(1 << 20, 'a');
  EXPECT_EQ(nearest_name(endless, {endless}), "");
  EXPECT_EQ(nearest_name("a", {endless}), "");
}

TEST(ErrorText, UnknownName) {
  const std::vector<std::string> names = {"rangerlars", "adam"};
  EXPECT_EQ(unknown_name_message("optimizer", "ranglars", names, "larmor list optimizers"),
            "unknown optimizer 'ranglars'; nearest: 'rangerlars' (larmor list optimizers)");
  EXPECT_EQ(unknown_name_message("optimizer", "sgd", names, "larmor list optimizers"),
            "unknown optimizer 'sgd'; allowed: rangerlars, adam (larmor list optimizers)");
  EXPECT_EQ(unknown_name_message("optimizer", "sgd", std::vector<std::string>(13, "adam"), "larmor list optimizers"),
            "unknown optimizer 'sgd' (larmor list optimizers)");
  EXPECT_EQ(unknown_name_message("mode", "adm", names, ""), "unknown mode 'adm'; nearest: 'adam'");
  EXPECT_EQ(unknown_name_message("mode", "sgd", names, ""), "unknown mode 'sgd'; allowed: rangerlars, adam");
  EXPECT_EQ(unknown_name_message("mode", "sgd", {}, ""), "unknown mode 'sgd'");
}

TEST(ErrorText, QuotesStayOnOneLineAndShort) {
  EXPECT_EQ(in_quotes("plain ä"), "'plain ä'");
  EXPECT_EQ(in_quotes("a\nb\x1b[31m\x7f"), "'a\\x0ab\\x1b[31m\\x7f'");
  EXPECT_EQ(in_quotes("a\xff\xc3z"), "'a\\xff\\xc3z'");
  EXPECT_EQ(in_quotes(std::string(119, 'x') + "ää"), "'" + std::string(119, 'x') + "ä…'");
  EXPECT_EQ(in_quotes(std::string(200, 'x')), "'" + std::string(120, 'x') + "…'");
}

TEST(ErrorText, AssertionNamesExpressionAndPlace) {
  EXPECT_DEATH(LARMOR_ASSERT(1 + 1 == 3), "error_test.cpp:[0-9]+: assertion failed: 1 \\+ 1 == 3");
}

}  // namespace
}  // namespace larmor
