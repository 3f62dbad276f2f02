#include "losses/overlap.h"

#include <gtest/gtest.h>

#include "core/config.h"

namespace larmor::losses {
namespace {

std::vector<std::string> problems_of(const std::string& yaml) {
  OverlapOptions options;
  Problems problems;
  options_of(options).read(parse_yaml(yaml, "a.yaml"), problems, "loss_options.dice.");
  return problems.lines();
}

TEST(OverlapError, OptionsAreChecked) {
  EXPECT_EQ(problems_of("pooling: patch"),
            std::vector<std::string>{"a.yaml:1: loss_options.dice.pooling: unknown value 'patch'; nearest: 'batch'"});
  EXPECT_EQ(problems_of("eps: 0"), std::vector<std::string>{"a.yaml:1: loss_options.dice.eps: 0 is not allowed; must be > 0"});
  EXPECT_EQ(problems_of("{pooling: all, class_weights: [1, 2]}"),
            std::vector<std::string>{
                "a.yaml:1: loss_options.dice.class_weights: pooling 'all' has no classes to weight; use 'batch' or 'sample'"});
}

TEST(Overlap, OptionsReadAndWriteTheSame) {
  const std::string yaml = "{pooling: sample, smooth: 1, smooth_denominator: 0.5, classes: [1, 2], ignore_index: 255, log: true}";
  OverlapOptions options;
  Problems problems;
  options_of(options).read(parse_yaml(yaml, "a.yaml"), problems);
  EXPECT_TRUE(problems.empty());
  OverlapOptions again;
  options_of(again).read(options_of(options).write(), problems);
  EXPECT_TRUE(problems.empty());
  EXPECT_EQ(again.pooling, "sample");
  EXPECT_EQ(again.smooth_denominator, 0.5);
  EXPECT_EQ(again.classes, (std::vector<int64_t>{1, 2}));
  EXPECT_EQ(again.ignore_index, 255);
  EXPECT_TRUE(again.log);
}

}  // namespace
}  // namespace larmor::losses
