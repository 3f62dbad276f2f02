#include "losses/dice.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "tests/losses/support.h"

namespace larmor::losses {
namespace {

using testing::check_contract;
using testing::differentiate;
using testing::logits_of;
using testing::row;
using testing::Target;

double dice_of(const DiceOptions& options, const at::Tensor& logits, const at::Tensor& target) {
  return (*make_dice(options))(logits, target).item<double>();
}

testing::MakeLoss maker(DiceOptions options) {
  return [options](std::optional<int64_t> ignore_index) mutable {
    options.overlap.ignore_index = ignore_index;
    return make_dice(options);
  };
}

DiceOptions smp_003() {
  DiceOptions options;
  options.overlap.pooling = "all";
  options.overlap.smooth = 1e-7;
  options.overlap.empty_target = "formula";
  return options;
}

DiceOptions monai() {
  DiceOptions options;
  options.overlap.pooling = "sample";
  options.overlap.smooth = 1e-5;
  options.overlap.empty_target = "formula";
  return options;
}

TEST(Dice, KeepsTheContract) {
  const std::vector<Target> all = {Target::binary, Target::multi_label, Target::multi_class};
  check_contract(maker({}), all);
  check_contract(maker(smp_003()), all);
  check_contract(maker(monai()), all);
  DiceOptions formula;
  formula.overlap.empty_target = "formula";
  check_contract(maker(formula), all);
  DiceOptions log_of_squares;
  log_of_squares.overlap.log = true;
  log_of_squares.squared = true;
  check_contract(maker(log_of_squares), all);
  DiceOptions minimum;
  minimum.overlap.intersection = "minimum";
  check_contract(maker(minimum), all);
  DiceOptions some;
  some.overlap.classes = {0, 2};
  some.overlap.class_weights = {1, 5, 0.25};
  check_contract(maker(some), {Target::multi_label, Target::multi_class});
}

TEST(Dice, IsTheFormula) {
  const at::Tensor logits = logits_of({0.9, 0.8, 0.3, 0.1}), target = row({1, 0, 1, 0});
  EXPECT_NEAR(dice_of({}, logits, target), 1 - 2 * 1.2 / (2.1 + 2), 1e-12);
  DiceOptions squared;
  squared.squared = true;
  EXPECT_NEAR(dice_of(squared, logits, target), 1 - 2 * 1.2 / (0.81 + 0.64 + 0.09 + 0.01 + 2), 1e-12);
  DiceOptions smooth;
  smooth.overlap.smooth = 1;
  smooth.overlap.smooth_denominator = 3;
  EXPECT_NEAR(dice_of(smooth, logits, target), 1 - (2 * 1.2 + 1) / (2.1 + 2 + 3), 1e-12);
  DiceOptions log;
  log.overlap.log = true;
  EXPECT_NEAR(dice_of(log, logits, target), -std::log(2 * 1.2 / 4.1), 1e-12);
}

// segmentation_models.pytorch 0.0.3 pooled everything and added eps to both halves; its usual loss was the plain sum with BCE.
TEST(Dice, PooledFormEqualsTheOldUtility) {
  const at::Tensor logits = at::cat({logits_of({0.9, 0.2}), logits_of({0.4, 0.6})}, 1);
  const at::Tensor target = at::cat({row({1, 0}), row({0, 0})}, 1);
  constexpr double kEps = 1e-7, kTp = 0.9, kFp = 0.2 + 0.4 + 0.6, kFn = 0.1;
  EXPECT_NEAR(dice_of(smp_003(), logits, target), 1 - (2 * kTp + kEps) / (2 * kTp + kFp + kFn + kEps), 1e-12);
}

TEST(Dice, EmptyTargetCostsNothingUnlessAsked) {
  const at::Tensor logits = logits_of({0.9, 0.2}), empty = row({0, 0});
  const auto [value, gradient] = differentiate(*make_dice({}), logits, empty);
  EXPECT_EQ(value.item<double>(), 0);
  EXPECT_EQ(gradient.abs().max().item<double>(), 0);
  EXPECT_NEAR(dice_of(monai(), logits, empty), 1 - 1e-5 / (1.1 + 1e-5), 1e-12);
}

TEST(Dice, EmptyClassStaysInTheMean) {
  const at::Tensor logits = at::cat({logits_of({0.9, 0.2}), logits_of({0.4, 0.6})}, 1);
  const at::Tensor target = at::cat({row({1, 0}), row({0, 0})}, 1);
  EXPECT_NEAR(dice_of({}, logits, target), (1 - 2 * 0.9 / (1.1 + 1)) / 2, 1e-12);
}

TEST(Dice, ClassesAreChosenAndWeighted) {
  const at::Tensor logits = at::cat({logits_of({0.9, 0.2}), logits_of({0.4, 0.6}), logits_of({0.5, 0.5})}, 1);
  const at::Tensor target = at::cat({row({1, 0}), row({1, 1}), row({0, 1})}, 1);
  const double first = 1 - 2 * 0.9 / 2.1, second = 1 - 2 * 1.0 / 3, third = 1 - 2 * 0.5 / 2;
  DiceOptions options;
  options.overlap.class_weights = {1, 2, 5};
  EXPECT_NEAR(dice_of(options, logits, target), (first + 2 * second + 5 * third) / 8, 1e-12);
  options.overlap.classes = {1, 2};
  EXPECT_NEAR(dice_of(options, logits, target), (2 * second + 5 * third) / 7, 1e-12);
}

TEST(Dice, PoolingDecidesWhatOneScoreIs) {
  const at::Tensor logits = at::cat({logits_of({0.9, 0.2}), logits_of({0.4, 0.6})}, 0);
  const at::Tensor target = at::cat({row({1, 0}), row({1, 1})}, 0);
  DiceOptions sample;
  sample.overlap.pooling = "sample";
  EXPECT_NEAR(dice_of({}, logits, target), 1 - 2 * 1.9 / (2.1 + 3), 1e-12);
  EXPECT_NEAR(dice_of(sample, logits, target), 1 - (2 * 0.9 / 2.1 + 2 * 1.0 / 3.0) / 2, 1e-12);
}

// For soft truth the two intersections differ: min(p, t) is largest at p = t, p·t is not.
TEST(Dice, MinimumIntersectionPrefersTheTruth) {
  DiceOptions minimum;
  minimum.overlap.intersection = "minimum";
  const at::Tensor truth = row({0.5, 0.25});
  EXPECT_NEAR(dice_of(minimum, logits_of({0.5, 0.25}), truth), 0, 1e-12);
  EXPECT_GT(dice_of({}, logits_of({0.5, 0.25}), truth), 0.5);
}

TEST(DiceError, NamesTheWrongOption) {
  const at::Tensor logits = at::zeros({1, 2, 1, 2}), target = at::zeros({1, 2, 1, 2});
  DiceOptions classes;
  classes.overlap.classes = {1, 2};
  EXPECT_EQ(testing::error_of([&] { dice_of(classes, logits, target); }), "dice.classes: class 2; the network has 2 (0 … 1)");
  DiceOptions weights;
  weights.overlap.class_weights = {1};
  EXPECT_EQ(testing::error_of([&] { dice_of(weights, logits, target); }), "dice.class_weights: 1 numbers; must be 2, one per class");
}

}  // namespace
}  // namespace larmor::losses
