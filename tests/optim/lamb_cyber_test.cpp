#include "optim/lamb_cyber.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/optim/support.h"

namespace larmor::optim {
namespace {

TEST(LambCyber, HasNoBiasCorrectionAndClampsTheNorm) {
  Single one("lamb_cyber", "{eps: 0}", numbers({30, 40}));
  one.step(numbers({7, -0.1}), 0.1);
  // m / sqrt(v) = .1 / sqrt(.001) each; the norm 50 counts as 10.
  const double update = 0.1 / std::sqrt(0.001);
  const double ratio = 10 / (update * std::sqrt(2.0));
  EXPECT_LE(distance(one.value(), numbers({30 - 0.1 * ratio * update, 40 + 0.1 * ratio * update})), 1e-9);
}

TEST(LambCyber, WeightDecayIsInsideTheUpdate) {
  Single one("lamb_cyber", "{weight_decay: 1}", numbers({3, 4}));
  one.step(numbers({0, 0}), 0.1);
  EXPECT_LE(distance(one.value(), numbers({2.7, 3.6})), 1e-12);
}

}  // namespace
}  // namespace larmor::optim
