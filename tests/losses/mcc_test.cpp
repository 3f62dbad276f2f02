#include "losses/mcc.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "tests/losses/support.h"

namespace larmor::losses {
namespace {

using testing::Target;

TEST(Mcc, KeepsTheContract) {
  const auto make = [](std::optional<int64_t> ignore_index) { return make_mcc({.ignore_index = ignore_index}); };
  testing::check_contract(make, {Target::binary, Target::multi_label, Target::multi_class});
}

TEST(Mcc, IsTheFormula) {
  const at::Tensor loss = (*make_mcc({.eps = 1e-300}))(testing::logits_of({0.9, 0.8, 0.3, 0.1}), testing::row({1, 0, 1, 0}));
  constexpr double kTp = 1.2, kFp = 0.9, kFn = 0.8, kTn = 1.1;
  const double expected = 1 - (kTp * kTn - kFp * kFn) / std::sqrt((kTp + kFp) * (kTp + kFn) * (kTn + kFp) * (kTn + kFn));
  EXPECT_NEAR(loss.item<double>(), expected, 1e-12);
}

}  // namespace
}  // namespace larmor::losses
