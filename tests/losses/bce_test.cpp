#include "losses/bce.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "tests/losses/support.h"

namespace larmor::losses {
namespace {

using testing::logits_of;
using testing::row;
using testing::Target;

testing::MakeLoss maker(BceOptions options) {
  return [options](std::optional<int64_t> ignore_index) mutable {
    options.ignore_index = ignore_index;
    return make_bce(options);
  };
}

double bce_of(const BceOptions& options, const at::Tensor& logits, const at::Tensor& target) {
  return (*make_bce(options))(logits, target).item<double>();
}

TEST(Bce, KeepsTheContract) {
  const std::vector<Target> all = {Target::binary, Target::multi_label, Target::multi_class};
  testing::check_contract(maker({}), all);
  testing::check_contract(maker({.smooth_factor = 0.1, .reduction = "sum"}), all);
  testing::check_contract(maker({.pos_weight = {0.5, 2, 3}}), {Target::multi_label, Target::multi_class});
}

TEST(Bce, IsTheFormula) {
  const at::Tensor logits = logits_of({0.9, 0.2}), target = row({1, 0});
  EXPECT_NEAR(bce_of({}, logits, target), -(std::log(0.9) + std::log(0.8)) / 2, 1e-12);
  EXPECT_NEAR(bce_of({.pos_weight = {3}}, logits, target), -(3 * std::log(0.9) + std::log(0.8)) / 2, 1e-12);
  const double smoothed = -(0.9 * std::log(0.9) + 0.1 * std::log(0.1) + 0.9 * std::log(0.8) + 0.1 * std::log(0.2)) / 2;
  EXPECT_NEAR(bce_of({.smooth_factor = 0.1}, logits, target), smoothed, 1e-12);
}

TEST(Bce, ClassIndicesBecomeOneProblemPerClass) {
  const at::Tensor logits = at::cat({logits_of({0.9, 0.2}), logits_of({0.4, 0.6})}, 1);
  const at::Tensor labels = at::tensor({0, 1}, at::kLong).reshape({1, 1, 2});
  const double expected = -(std::log(0.9) + std::log(0.8) + std::log(0.6) + std::log(0.6)) / 4;
  EXPECT_NEAR(bce_of({}, logits, labels), expected, 1e-12);
}

// segmentation_models.pytorch divides by all pixels, so ignoring half of them halves its loss.
TEST(Bce, MeanIsOverCountedPixelsUnlessSmpIsAskedFor) {
  const at::Tensor logits = logits_of({0.9, 0.2, 0.5, 0.5}), target = row({1, 0, 255, 255});
  const double sum = -(std::log(0.9) + std::log(0.8));
  EXPECT_NEAR(bce_of({.ignore_index = 255}, logits, target), sum / 2, 1e-12);
  EXPECT_NEAR(bce_of({.ignore_average = "smp", .ignore_index = 255}, logits, target), sum / 4, 1e-12);
}

TEST(BceError, NamesTheWrongOption) {
  const at::Tensor logits = at::zeros({1, 2, 1, 2}), target = at::zeros({1, 2, 1, 2});
  EXPECT_EQ(testing::error_of([&] {
              bce_of({.pos_weight = {1, 2, 3}}, logits, target);
            }),
            "bce.pos_weight: 3 numbers; must be 2, one per class");
}

}  // namespace
}  // namespace larmor::losses
