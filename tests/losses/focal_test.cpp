#include "losses/focal.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "losses/bce.h"
#include "tests/losses/support.h"

namespace larmor::losses {
namespace {

using testing::logits_of;
using testing::row;
using testing::Target;

testing::MakeLoss maker(FocalOptions options) {
  return [options](std::optional<int64_t> ignore_index) mutable {
    options.ignore_index = ignore_index;
    return make_focal(options);
  };
}

double focal_of(const FocalOptions& options, const at::Tensor& logits, const at::Tensor& target) {
  return (*make_focal(options))(logits, target).item<double>();
}

TEST(Focal, KeepsTheContract) {
  const std::vector<Target> all = {Target::binary, Target::multi_label, Target::multi_class};
  testing::check_contract(maker({}), all);
  testing::check_contract(maker({.gamma = 0.5, .alpha = 0.25}), all);
  testing::check_contract(maker({.normalized = true}), all);
  testing::check_contract(maker({.reduced_threshold = 0.5, .reduction = "sum"}), all);
  testing::check_contract(maker({.gamma = 0.5, .activation = "softmax", .class_weights = {1, 2, 3}}), {Target::multi_class});
}

TEST(Focal, IsTheFormula) {
  const at::Tensor logits = logits_of({0.9, 0.2}), target = row({1, 0});
  const double easy = -0.01 * std::log(0.9), other = -0.04 * std::log(0.8);
  EXPECT_NEAR(focal_of({}, logits, target), (easy + other) / 2, 1e-12);
  EXPECT_NEAR(focal_of({.alpha = 0.25}, logits, target), (0.25 * easy + 0.75 * other) / 2, 1e-12);
  EXPECT_NEAR(focal_of({.normalized = true}, logits, target), (easy + other) / 0.05 / 2, 1e-12);
}

TEST(Focal, ReducedFormKeepsHardPixelsWhole) {
  const at::Tensor logits = logits_of({0.9, 0.7}), target = row({1, 0});
  const double expected = -(std::pow(0.1 / 0.4, 2) * std::log(0.9) + std::log(0.3)) / 2;
  EXPECT_NEAR(focal_of({.reduced_threshold = 0.4}, logits, target), expected, 1e-12);
}

TEST(Focal, WithoutFocusIsBce) {
  const at::Tensor logits = logits_of({0.9, 0.2, 0.4}), target = row({1, 0, 1});
  EXPECT_NEAR(focal_of({.gamma = 0}, logits, target), (*make_bce({}))(logits, target).item<double>(), 1e-12);
}

TEST(Focal, SoftmaxFormIsOverClasses) {
  const at::Tensor p = at::tensor({0.7, 0.2, 0.1}, at::kDouble).reshape({1, 3, 1, 1});
  const at::Tensor label = at::tensor({1}, at::kLong).reshape({1, 1, 1});
  EXPECT_NEAR(focal_of({.activation = "softmax"}, p.log(), label), -0.64 * std::log(0.2) / 3, 1e-12);
}

TEST(Focal, NothingCountedIsNoLoss) { EXPECT_EQ(focal_of({.ignore_index = 255}, row({1, 2}), row({255, 255})), 0); }

}  // namespace
}  // namespace larmor::losses
