#include "optim/schedules/step.h"

#include <gtest/gtest.h>

#include "tests/optim/schedules/support.h"

namespace larmor::optim::schedules {
namespace {

TEST(Step, DropsEverySize) { expect_factors("step", "{size: 2, gamma: 0.5}", steps(9), {1, 1, 0.5, 0.5, 0.25}); }

TEST(Step, CountsEpochsWhenTold) {
  expect_factors("step", "{size: 1, gamma: 0.5, per: epoch}", steps(9, 3), {1, 1, 1, 0.5, 0.5, 0.5, 0.25});
}

TEST(StepError, SaysWhatIsWrong) {
  EXPECT_EQ(mistake_in("step", "{size: 0}"), "test:1: size: 0 is not allowed; must be >= 1");
  EXPECT_EQ(mistake_in("step", "{gamma: 0}"), "test:1: gamma: 0 is not allowed; must be > 0");
}

}  // namespace
}  // namespace larmor::optim::schedules
