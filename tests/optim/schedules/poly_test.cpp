#include "optim/schedules/poly.h"

#include <gtest/gtest.h>

#include "tests/optim/schedules/support.h"

namespace larmor::optim::schedules {
namespace {

TEST(Poly, FallsToTheFloorAndStaysThere) {
  expect_factors("poly", "{power: 2}", steps(4), {1, 0.5625, 0.25, 0.0625, 0, 0});
  expect_factors("poly", "{power: 1, min: 0.2}", steps(4), {1, 0.8, 0.6, 0.4, 0.2, 0.2});
}

TEST(Poly, TheFloorMayBeARate) { expect_factors("poly", "{power: 1, min_lr: 0.1}", steps(4, 1, 0.5), {1, 0.8, 0.6, 0.4, 0.2}); }

}  // namespace
}  // namespace larmor::optim::schedules
