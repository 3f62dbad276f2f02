#include "optim/schedules/timed_schedule.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/optim/schedules/support.h"

namespace larmor::optim::schedules {
namespace {

TEST(TimedSchedule, WarmUpRisesToOne) {
  expect_factors("linear", "{warmup: 2}", steps(6), {0.5, 1, 1, 0.75, 0.5, 0.25, 0});
  expect_factors("linear", "{warmup: 2, warmup_start: 0.2}", steps(6), {0.2, 0.6, 1, 0.75, 0.5});
}

TEST(TimedSchedule, EpochsHaveTheirSteps) {
  expect_factors("linear", "{per: epoch, warmup: 1}", steps(9, 3), {1, 1, 1, 1, 1, 1, 0.5, 0.5, 0.5, 0});
}

TEST(TimedSchedule, WarmUpMayTakeAllTheTime) { expect_factors("linear", "{warmup: 4}", steps(4), {0.25, 0.5, 0.75, 1, 1, 0}); }

/// Resume restores the step count and nothing else.
TEST(TimedSchedule, EverySchedulePurelyDependsOnTime) {
  for (const std::string& name : registry().names()) {
    const auto schedule = make_schedule(name, "{warmup: 3}", steps(20));
    const auto backwards = make_schedule(name, "{warmup: 3}", steps(20));
    const std::vector<double> forwards = factors(*schedule, 25);
    for (int64_t t = 24; t >= 0; --t) EXPECT_EQ(backwards->factor(t), forwards[static_cast<size_t>(t)]) << name;
    if (name != "plateau") {
      EXPECT_EQ(schedule->state(), "{}") << name;
    }
    EXPECT_LE(*std::max_element(forwards.begin(), forwards.end()), 1 + 1e-12) << name;
    EXPECT_GE(*std::min_element(forwards.begin(), forwards.end()), 0) << name;
  }
}

TEST(ScheduleRegistryError, NamesTheNearest) {
  EXPECT_EQ(mistake_in("cosin", "{}"), "unknown schedule 'cosin'; nearest: 'cosine' (larmor list schedules)");
  EXPECT_EQ(mistake_in("cosine", "{warmup: -1}"), "test:1: warmup: -1 is not allowed; must be >= 0");
  EXPECT_EQ(mistake_in("cosine", "{per: batch}"), "test:1: per: unknown value 'batch'; allowed: step, epoch");
}

}  // namespace
}  // namespace larmor::optim::schedules
