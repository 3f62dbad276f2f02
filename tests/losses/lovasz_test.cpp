#include "losses/lovasz.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "tests/losses/support.h"

namespace larmor::losses {
namespace {

using testing::row;
using testing::Target;

testing::MakeLoss maker(bool per_image) {
  return [per_image](std::optional<int64_t> ignore_index) { return make_lovasz({per_image, ignore_index}); };
}

double loss_of(const LovaszOptions& options, const at::Tensor& logits, const at::Tensor& target) {
  return (*make_lovasz(options))(logits, target).item<double>();
}

TEST(Lovasz, KeepsTheContract) {
  for (const bool per_image : {false, true}) {
    testing::check_contract(maker(per_image), {Target::binary, Target::multi_label, Target::multi_class});
  }
}

// Errors 1 - x·sign: 1.5 (truth), 0.8 (none), 0.4 (truth), sorted as they stand. Jaccard loss of the first k as mistakes:
// 1/2, 2/3, 1; their differences weigh the errors.
TEST(Lovasz, HingeWeighsErrorsByTheJaccardTheyCost) {
  const double value = loss_of({}, row({-0.5, -0.2, 0.6}), row({1, 0, 1}));
  EXPECT_NEAR(value, 1.5 * 0.5 + 0.8 * (2.0 / 3 - 0.5) + 0.4 * (1 - 2.0 / 3), 1e-12);
}

// At hard probabilities Lovász-Softmax is the Jaccard loss itself.
TEST(Lovasz, SoftmaxAtHardProbabilitiesIsJaccard) {
  const at::Tensor labels = at::tensor({0, 0, 1, 1}, at::kLong).reshape({1, 1, 4});
  const at::Tensor predicted = at::tensor({0.0, 1.0, 1.0, 1.0}, at::kDouble).reshape({1, 1, 1, 4});
  const at::Tensor logits = at::cat({1 - predicted, predicted}, 1) * 1e3;
  EXPECT_NEAR(loss_of({}, logits, labels), ((1 - 1.0 / 2) + (1 - 2.0 / 3)) / 2, 1e-12);
}

TEST(Lovasz, SoftmaxCountsOnlyClassesThatOccur) {
  const at::Tensor labels = at::zeros({1, 1, 2}, at::kLong);
  const at::Tensor logits = at::zeros({1, 4, 1, 2}, at::kDouble);
  EXPECT_NEAR(loss_of({}, logits, labels), 0.75, 1e-12);
}

TEST(Lovasz, PerImageIsTheMeanOfImages) {
  const at::Tensor logits = at::cat({row({-0.5, -0.2, 0.6}), row({2, 0.3, -1})}, 0);
  const at::Tensor target = at::cat({row({1, 0, 1}), row({0, 0, 1})}, 0);
  double sum = 0;
  for (int64_t i = 0; i < 2; ++i) sum += loss_of({}, logits.narrow(0, i, 1), target.narrow(0, i, 1));
  EXPECT_NEAR(loss_of({.per_image = true}, logits, target), sum / 2, 1e-12);
}

TEST(Lovasz, NoPixelsAreNoLoss) { EXPECT_EQ(loss_of({}, at::zeros({0, 1, 2, 2}), at::zeros({0, 1, 2, 2})), 0); }

}  // namespace
}  // namespace larmor::losses
