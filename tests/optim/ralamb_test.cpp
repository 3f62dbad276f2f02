#include "optim/ralamb.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/optim/support.h"

namespace larmor::optim {
namespace {

TEST(Ralamb, RatioHasTheNormOfTheNextWeightBelow) {
  Single one("ralamb", "{}", numbers({3, 4}));
  one.step(numbers({1, 0}), 0.5);
  // w1 = (3, 4), next = (2.5, 4): ratio 5 / |next|; a plain step, being the first.
  const double ratio = 5 / std::hypot(2.5, 4);
  EXPECT_LE(distance(one.value(), numbers({3 - 0.5 * ratio, 4})), 1e-12);
}

TEST(Ralamb, LargeNormsAreTakenForTen) {
  Single one("ralamb", "{}", numbers({30, 40}));
  one.step(numbers({1, 0}), 0.5);
  EXPECT_LE(distance(one.value(), numbers({30 - 0.5 * 10 / std::hypot(29.5, 40), 40})), 1e-12);
}

TEST(Ralamb, ATensorOfZerosTakesTheWholeStep) {
  Single one("ralamb", "{}", numbers({0, 0}));
  one.step(numbers({1, -2}), 0.5);
  EXPECT_LE(distance(one.value(), numbers({-0.5, 1})), 1e-12);
}

TEST(Ralamb, TheNormAboveIsThatOfTheDecayedWeight) {
  Single one("ralamb", "{weight_decay: 0.2}", numbers({3, 4}));
  one.step(numbers({1, 0}), 0.5);
  const double ratio = 4.5 / std::hypot(2.7 - 0.5, 3.6);
  EXPECT_LE(distance(one.value(), numbers({2.7 - 0.5 * ratio, 3.6})), 1e-12);
}

}  // namespace
}  // namespace larmor::optim
