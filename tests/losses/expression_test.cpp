#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/config.h"
#include "losses/bce.h"
#include "losses/dice.h"
#include "losses/registry.h"
#include "tests/losses/support.h"

namespace larmor::losses {
namespace {

using testing::logits_of;
using testing::row;

double value_of(const std::string& expression, const std::string& options = "") {
  const at::Tensor logits = logits_of({0.9, 0.2, 0.4}), target = row({1, 0, 1});
  return (*make_loss(expression, parse_yaml(options, "options")))(logits, target).item<double>();
}

TEST(Expression, AddsWeightedLosses) {
  const double bce = value_of("bce"), dice = value_of("dice");
  EXPECT_GT(std::abs(bce - dice), 0.01);
  EXPECT_NEAR(value_of("0.5*bce + 0.5*dice"), 0.5 * bce + 0.5 * dice, 1e-12);
  EXPECT_NEAR(value_of("bce+dice"), bce + dice, 1e-12);
  EXPECT_NEAR(value_of("  2 * bce\t+1e-1*dice + .25*focal "), 2 * bce + 0.1 * dice + 0.25 * value_of("focal"), 1e-12);
}

TEST(Expression, PassesOptionsByName) {
  EXPECT_NEAR(value_of("bce + 2*dice", "{dice: {smooth: 1}, bce: {pos_weight: [3]}}"),
              value_of("bce", "bce: {pos_weight: [3]}") + 2 * value_of("dice", "dice: {smooth: 1}"), 1e-12);
}

TEST(Expression, EveryRegisteredLossCanBeUsed) {
  const at::Tensor logits = at::zeros({1, 2, 2, 2}), target = at::zeros({1, 2, 2}, at::kLong);
  for (const std::string& name : registry().names()) {
    EXPECT_TRUE(at::isfinite((*make_loss("0.5*" + name, {}))(logits, target)).item<bool>()) << name;
    EXPECT_FALSE(registry().at(name).summary.empty()) << name;
    EXPECT_FALSE(registry().at(name).source.empty()) << name;
  }
}

TEST(Expression, OptionsOfEveryLossReadBackAsWritten) {
  for (const auto& component : registry().components()) {
    Problems problems;
    const ConfigNode first = component.resolve({}, problems, "");
    const ConfigNode second = component.resolve(first, problems, "");
    EXPECT_TRUE(problems.empty()) << component.name;
    EXPECT_EQ(to_yaml(first), to_yaml(second)) << component.name;
  }
}

TEST(Expression, ResolvedOptionsHoldEveryDefault) {
  Problems problems;
  const ConfigNode resolved = check_loss("bce + dice", parse_yaml("dice: {smooth: 2}", "options"), {}, problems);
  EXPECT_TRUE(problems.empty());
  ASSERT_NE(resolved.find_path("dice.smooth"), nullptr);
  EXPECT_EQ(resolved.find_path("dice.smooth")->scalar, "2");
  ASSERT_NE(resolved.find_path("bce.smooth_factor"), nullptr);
  EXPECT_EQ(resolved.find_path("bce.smooth_factor")->scalar, "0");
  EXPECT_NEAR(value_of("bce + dice", to_yaml(resolved)), value_of("bce + dice", "dice: {smooth: 2}"), 1e-12);
}

struct Mistake {
  std::string expression, options, message;
};

class ExpressionError : public ::testing::TestWithParam<Mistake> {};

TEST_P(ExpressionError, IsToldInOneLine) {
  const auto& [expression, options, message] = GetParam();
  EXPECT_EQ(testing::error_of([&expression = expression, &options = options] { value_of(expression, options); }), message);
}

const std::string kLike = "; a sum looks like '0.5*bce + 0.5*dice'";

INSTANTIATE_TEST_SUITE_P(
    All, ExpressionError,
    ::testing::Values(Mistake{"", "", "loss: '', column 1: expected the name of a loss" + kLike},
                      Mistake{"bce +", "", "loss: 'bce +', column 6: expected the name of a loss" + kLike},
                      Mistake{"bce dice", "", "loss: 'bce dice', column 5: expected '+' or the end" + kLike},
                      Mistake{"bce - dice", "", "loss: 'bce - dice', column 5: expected '+' or the end" + kLike},
                      Mistake{"0.5 bce", "", "loss: '0.5 bce', column 5: expected '*' after the weight" + kLike},
                      Mistake{"bce*0.5", "", "loss: 'bce*0.5', column 4: expected '+' or the end" + kLike},
                      Mistake{"-1*bce", "", "loss: '-1*bce', column 1: expected the name of a loss" + kLike},
                      Mistake{"0*bce", "", "loss: '0*bce', column 1: expected a weight > 0" + kLike},
                      Mistake{"1e999*bce", "", "loss: '1e999*bce', column 1: expected a weight > 0" + kLike},
                      Mistake{".*bce", "", "loss: '.*bce', column 1: expected a weight > 0" + kLike},
                      Mistake{"bce + 2*dyce", "",
                              "loss: 'bce + 2*dyce', column 9: unknown loss 'dyce'; nearest: 'dice' (larmor list losses)"},
                      Mistake{"dice + bce + dice", "", "loss: 'dice + bce + dice', column 14: 'dice' stands twice; join the weights"},
                      Mistake{"dice", "focal: {gamma: 1}", "options:1: loss_options.focal: not a part of the loss; its parts: dice"},
                      Mistake{"dice", "dice: {smoth: 1}", "options:1: loss_options.dice.smoth: unknown key; nearest: 'smooth'"},
                      Mistake{"dice", "[1]", "options:1: loss_options: not a map; write {name of a loss: {option: value}}"},
                      Mistake{"dyce + bce", "{bce: {reduction: max}}",
                              "loss: 'dyce + bce', column 1: unknown loss 'dyce'; nearest: 'dice' (larmor list losses)\n"
                              "options:1: loss_options.bce.reduction: unknown value 'max'; nearest: 'mean'"}));

}  // namespace
}  // namespace larmor::losses
