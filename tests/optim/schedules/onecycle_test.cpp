#include "optim/schedules/onecycle.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/optim/schedules/support.h"

namespace larmor::optim::schedules {
namespace {

TEST(Onecycle, TheLastStepHasTheLowestRate) {
  const auto schedule = make_schedule("onecycle", "{pct: 0.5, div: 10, final: 10}", steps(20));
  EXPECT_NEAR(schedule->factor(0), 0.1, 1e-12);
  EXPECT_NEAR(schedule->factor(9), 1, 1e-12);
  EXPECT_NEAR(schedule->factor(19), 0.01, 1e-12);
  EXPECT_NEAR(schedule->factor(50), 0.01, 1e-12);
}

TEST(Onecycle, MomentumGoesTheOtherWay) {
  const auto schedule = make_schedule("onecycle", "{pct: 0.5, momentum: [0.8, 0.9]}", steps(20));
  EXPECT_NEAR(schedule->momentum(0), 0.9, 1e-12);
  EXPECT_NEAR(schedule->momentum(9), 0.8, 1e-12);
  EXPECT_NEAR(schedule->momentum(19), 0.9, 1e-12);
  EXPECT_TRUE(std::isnan(make_schedule("onecycle", "{cycle_momentum: false}", steps(20))->momentum(3)));
}

TEST(Onecycle, IsFiniteForAnyLength) {
  for (int64_t total = 1; total <= 12; ++total) {
    for (const std::string options : {"{}", "{three_phase: true}", "{form: fastai}", "{pct: 0}", "{anneal: linear}"}) {
      const auto schedule = make_schedule("onecycle", options, steps(total));
      for (int64_t t = 0; t <= total; ++t) {
        EXPECT_TRUE(schedule->factor(t) >= 0 && schedule->factor(t) <= 1 + 1e-12) << options << " " << t << "/" << total;
        EXPECT_TRUE(schedule->momentum(t) > 0.84 && schedule->momentum(t) < 0.96) << options << " " << t << "/" << total;
      }
    }
  }
}

TEST(OnecycleError, SaysWhatIsWrong) {
  EXPECT_EQ(mistake_in("onecycle", "{three_phase: true, pct: 0.6}"), "test:1: pct: must be at most 0.5 with three_phase");
  EXPECT_EQ(mistake_in("onecycle", "{momentum: 0.9}"), "test:1: momentum: '0.9' is not a range; write [min, max]");
}

}  // namespace
}  // namespace larmor::optim::schedules
