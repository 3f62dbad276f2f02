#include "optim/schedules/multistep.h"

#include <gtest/gtest.h>

#include "tests/optim/schedules/support.h"

namespace larmor::optim::schedules {
namespace {

TEST(Multistep, DropsAtEachMilestone) {
  expect_factors("multistep", "{milestones: [1, 3, 3], gamma: 0.5}", steps(9), {1, 0.5, 0.5, 0.125, 0.125});
}

TEST(Multistep, WithoutMilestonesStays) { expect_factors("multistep", "{}", steps(9), {1, 1, 1}); }

TEST(MultistepError, SaysWhatIsWrong) {
  EXPECT_EQ(mistake_in("multistep", "{milestones: [3, 1]}"), "test:1: milestones: must ascend");
  EXPECT_EQ(mistake_in("multistep", "{milestones: [-1]}"), "test:1: milestones: entry 1: -1 is not allowed; must be >= 0");
}

}  // namespace
}  // namespace larmor::optim::schedules
