#include "losses/generalised_dice.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "tests/losses/support.h"

namespace larmor::losses {
namespace {

using testing::logits_of;
using testing::row;
using testing::Target;

testing::MakeLoss maker(GeneralisedDiceOptions options) {
  return [options](std::optional<int64_t> ignore_index) mutable {
    options.ignore_index = ignore_index;
    return make_generalised_dice(options);
  };
}

TEST(GeneralisedDice, KeepsTheContract) {
  const std::vector<Target> all = {Target::binary, Target::multi_label, Target::multi_class};
  for (const char* weights : {"square", "simple", "uniform"}) {
    for (const char* pooling : {"sample", "batch"}) testing::check_contract(maker({.weights = weights, .pooling = pooling}), all);
  }
}

TEST(GeneralisedDice, WeighsClassesByTheInverseOfTheirSize) {
  const at::Tensor logits = at::cat({logits_of({0.9, 0.2, 0.7}), logits_of({0.4, 0.6, 0.5})}, 1);
  const at::Tensor target = at::cat({row({1, 0, 1}), row({0, 1, 0})}, 1);
  const GeneralisedDiceOptions options{.weights = "square", .smooth = 0, .smooth_denominator = 1e-300};
  const double expected = 1 - 2 * (1.6 / 4 + 0.6) / ((1.8 + 2) / 4 + (1.5 + 1));
  EXPECT_NEAR((*make_generalised_dice(options))(logits, target).item<double>(), expected, 1e-12);
}

TEST(GeneralisedDice, EmptyClassTakesTheLargestWeight) {
  const at::Tensor logits = at::cat({logits_of({0.9, 0.2}), logits_of({0.4, 0.6})}, 1);
  const at::Tensor target = at::cat({row({1, 1}), row({0, 0})}, 1);
  const GeneralisedDiceOptions options{.weights = "simple", .smooth = 0, .smooth_denominator = 1e-300};
  const double expected = 1 - 2 * (1.1 / 2) / ((1.1 + 2) / 2 + 1.0 / 2);
  EXPECT_NEAR((*make_generalised_dice(options))(logits, target).item<double>(), expected, 1e-12);
}

TEST(GeneralisedDice, EmptyTargetHasNoLoss) {
  const auto [value, gradient] = testing::differentiate(*make_generalised_dice({}), logits_of({0.9, 0.2}), row({0, 0}));
  EXPECT_EQ(value.item<double>(), 0);
  EXPECT_EQ(gradient.abs().max().item<double>(), 0);
}

}  // namespace
}  // namespace larmor::losses
