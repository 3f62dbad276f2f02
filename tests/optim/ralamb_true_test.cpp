#include "optim/ralamb_true.h"

#include <gtest/gtest.h>

#include "tests/optim/support.h"

namespace larmor::optim {
namespace {

TEST(RalambTrue, RatioHasTheNormOfTheUpdateBelow) {
  Single one("ralamb_true", "{}", numbers({3, 4}));
  one.step(numbers({0, 2}), 0.1);
  EXPECT_LE(distance(one.value(), numbers({3, 4 - 0.1 * (5.0 / 2) * 2})), 1e-12);
}

TEST(RalambTrue, RatioIsAtMostTen) {
  Single one("ralamb_true", "{}", numbers({3, 4}));
  one.step(numbers({0, 0.01}), 0.1);
  EXPECT_LE(distance(one.value(), numbers({3, 4 - 0.1 * 10 * 0.01})), 1e-12);
}

TEST(RalambTrue, WeightDecayIsInsideTheUpdate) {
  Single one("ralamb_true", "{weight_decay: 1}", numbers({3, 4}));
  one.step(numbers({0, 0}), 0.1);
  EXPECT_LE(distance(one.value(), numbers({2.7, 3.6})), 1e-12) << "update = weights, ratio 1";
}

}  // namespace
}  // namespace larmor::optim
