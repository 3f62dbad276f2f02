#include "optim/schedules/linear.h"

#include <gtest/gtest.h>

#include "tests/optim/schedules/support.h"

namespace larmor::optim::schedules {
namespace {

TEST(Linear, GoesFromStartToEnd) {
  expect_factors("linear", "{}", steps(4), {1, 0.75, 0.5, 0.25, 0, 0});
  expect_factors("linear", "{start: 0.2, end: 1}", steps(2), {0.2, 0.6, 1, 1});
}

}  // namespace
}  // namespace larmor::optim::schedules
