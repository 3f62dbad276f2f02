#include "optim/rmsprop.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/optim/support.h"

namespace larmor::optim {
namespace {

TEST(Rmsprop, DividesByTheRootMeanSquare) {
  Single one("rmsprop", "{alpha: 0.75, eps: 0}", numbers({1, 1}));
  one.step(numbers({3, -4}), 0.1);
  EXPECT_LE(distance(one.value(), numbers({1 - 0.1 / 0.5, 1 + 0.1 / 0.5})), 1e-12);
}

TEST(Rmsprop, CenteredDividesByTheDeviation) {
  Single one("rmsprop", "{alpha: 0.75, eps: 0, centered: true}", numbers({1}));
  one.step(numbers({3}), 0.1);
  // mean 0.75, mean square 2.25
  EXPECT_LE(distance(one.value(), numbers({1 - 0.1 * 3 / std::sqrt(2.25 - 0.5625)})), 1e-12);
}

TEST(Rmsprop, KeepsWhatItNeeds) {
  EXPECT_EQ(Single("rmsprop", "{}", numbers({1})).optimizer().state().size(), 2U);
  EXPECT_EQ(Single("rmsprop", "{momentum: 0.9}", numbers({1})).optimizer().state().size(), 3U);
  EXPECT_EQ(Single("rmsprop", "{momentum: 0.9, centered: true}", numbers({1})).optimizer().state().size(), 4U);
}

}  // namespace
}  // namespace larmor::optim
