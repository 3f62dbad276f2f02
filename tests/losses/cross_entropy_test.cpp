#include "losses/cross_entropy.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "tests/losses/support.h"

namespace larmor::losses {
namespace {

using testing::Target;

testing::MakeLoss maker(CrossEntropyOptions options) {
  return [options](std::optional<int64_t> ignore_index) mutable {
    options.ignore_index = ignore_index;
    return make_cross_entropy(options);
  };
}

double loss_of(const CrossEntropyOptions& options, const at::Tensor& logits, const at::Tensor& target) {
  return (*make_cross_entropy(options))(logits, target).item<double>();
}

/// 1 x 2 x 1 x 3 logits whose softmax is p, 1 - p.
at::Tensor two_classes(const std::vector<double>& p) {
  const at::Tensor first = testing::row(p);
  return at::cat({first.log(), (1 - first).log()}, 1);
}

at::Tensor labels(const std::vector<int64_t>& values) { return at::tensor(values, at::kLong).reshape({1, 1, -1}); }

TEST(CrossEntropy, KeepsTheContract) {
  const std::vector<Target> all = {Target::multi_class, Target::multi_label};
  testing::check_contract(maker({}), all);
  testing::check_contract(maker({.weight = {0.5, 0, 3}}), all);
  testing::check_contract(maker({.label_smoothing = 0.1, .reduction = "sum"}), all);
}

TEST(CrossEntropy, IsTheFormula) {
  const at::Tensor logits = two_classes({0.9, 0.2, 0.6});
  const double l0 = std::log(0.9), l1 = std::log(0.8), l2 = std::log(0.4);
  EXPECT_NEAR(loss_of({}, logits, labels({0, 1, 1})), -(l0 + l1 + l2) / 3, 1e-12);
  EXPECT_NEAR(loss_of({.weight = {2, 0.5}}, logits, labels({0, 1, 1})), -(2 * l0 + 0.5 * (l1 + l2)) / 3, 1e-12);
  EXPECT_NEAR(loss_of({.label_smoothing = 0.2}, logits, labels({0, 1, 1})),
              -(0.9 * (l0 + l1 + l2) + 0.1 * (std::log(0.1) + std::log(0.2) + std::log(0.6))) / 3, 1e-12);
}

TEST(CrossEntropy, ProbabilitiesOfOneClassEqualItsIndex) {
  const at::Tensor logits = two_classes({0.9, 0.2, 0.6});
  const at::Tensor index = labels({0, 1, 1});
  const at::Tensor probability = at::stack({1 - index, index}, 1).to(at::kDouble);
  for (const double smoothing : {0.0, 0.2}) {
    const CrossEntropyOptions options{.label_smoothing = smoothing};
    EXPECT_NEAR(loss_of(options, logits, probability), loss_of(options, logits, index), 1e-12);
  }
}

TEST(CrossEntropy, MeanIsOverCountedPixelsUnlessSmpIsAskedFor) {
  const at::Tensor logits = two_classes({0.9, 0.2, 0.6});
  const double sum = -(std::log(0.9) + std::log(0.8));
  EXPECT_NEAR(loss_of({.ignore_index = 255}, logits, labels({0, 1, 255})), sum / 2, 1e-12);
  EXPECT_NEAR(loss_of({.ignore_average = "smp", .ignore_index = 255}, logits, labels({0, 1, 255})), sum / 3, 1e-12);
  EXPECT_EQ(loss_of({.ignore_index = 255}, logits, labels({255, 255, 255})), 0);
}

TEST(CrossEntropyError, RefusesOneChannel) {
  EXPECT_EQ(testing::error_of([] {
              loss_of({}, at::zeros({1, 1, 2, 2}), at::zeros({1, 1, 2, 2}));
            }),
            "cross_entropy: one logit channel; must be 2 or more (bce is for one)");
}

}  // namespace
}  // namespace larmor::losses
