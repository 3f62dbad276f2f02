#include "optim/schedules/plateau.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/optim/schedules/support.h"

namespace larmor::optim::schedules {
namespace {

std::vector<double> watch(const std::string& options, const std::vector<double>& values, double base_lr = 1) {
  const auto schedule = make_schedule("plateau", options, steps(100, 1, base_lr));
  std::vector<double> all;
  for (const double value : values) {
    schedule->observe(value);
    all.push_back(schedule->factor(7));
  }
  return all;
}

TEST(Plateau, DropsAfterMoreThanPatienceEpochs) {
  EXPECT_EQ(watch("{patience: 1}", {0.5, 0.5, 0.5, 0.5, 0.5}), (std::vector<double>{1, 1, 0.5, 0.5, 0.25}));
  EXPECT_EQ(watch("{patience: 1}", {0.5, 0.6, 0.5, 0.7, 0.6}), (std::vector<double>{1, 1, 1, 1, 1})) << "each second one is better";
}

TEST(Plateau, ModeSaysWhichWayIsBetter) {
  EXPECT_EQ(watch("{patience: 0, mode: min}", {3, 2, 1}), (std::vector<double>{1, 1, 1}));
  EXPECT_EQ(watch("{patience: 0, mode: max}", {3, 2, 1}), (std::vector<double>{1, 0.5, 0.25}));
}

TEST(Plateau, ThresholdIsAShareOrTheValueItself) {
  EXPECT_EQ(watch("{patience: 0, threshold: 0.1, threshold_mode: rel}", {10, 10.9, 11.1}), (std::vector<double>{1, 0.5, 0.5}));
  EXPECT_EQ(watch("{patience: 0, threshold: 0.1, threshold_mode: abs}", {10, 10.05, 10.2}), (std::vector<double>{1, 0.5, 0.5}));
}

TEST(Plateau, CooldownIsNotCounted) {
  EXPECT_EQ(watch("{patience: 0, cooldown: 2}", {1, 1, 1, 1, 1, 1}), (std::vector<double>{1, 0.5, 0.5, 0.5, 0.25, 0.25}));
}

TEST(Plateau, HasAFloorAndLeavesOutSmallChanges) {
  EXPECT_EQ(watch("{patience: 0, min_lr: 0.3}", {1, 1, 1, 1}), (std::vector<double>{1, 0.5, 0.3, 0.3}));
  EXPECT_EQ(watch("{patience: 0, eps: 0.3}", {1, 1, 1, 1}), (std::vector<double>{1, 0.5, 0.5, 0.5}));
}

TEST(Plateau, NanIsNeverBetter) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(watch("{patience: 0}", {nan, 1, nan}), (std::vector<double>{0.5, 0.5, 0.25}));
}

TEST(Plateau, ResumesWhereItStopped) {
  const std::string options = "{patience: 1, cooldown: 1}";
  const std::vector<double> values = {0.1, 0.3, 0.2, 0.2, 0.2, 0.31, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2};
  const std::vector<double> expected = watch(options, values);
  for (size_t stop = 0; stop <= values.size(); ++stop) {
    const auto first = make_schedule("plateau", options, steps(100));
    for (size_t i = 0; i < stop; ++i) first->observe(values[i]);
    const auto second = make_schedule("plateau", options, steps(100));
    second->load_state(first->state());
    for (size_t i = stop; i < values.size(); ++i) {
      second->observe(values[i]);
      EXPECT_EQ(second->factor(7), expected[i]) << "stopped after " << stop;
    }
  }
}

TEST(PlateauError, RefusesAnotherState) {
  const auto schedule = make_schedule("plateau", "{}");
  for (const std::string text : {"{}", "", "[1, 2", R"({"factor": "a", "bad_epochs": 0, "cooldown": 0, "best": null})"}) {
    try {
      schedule->load_state(text);
      FAIL() << text;
    } catch (const Error& error) {
      EXPECT_STREQ(error.what(), "the schedule's state is not that of plateau; it was saved with another schedule");
      EXPECT_EQ(error.kind(), ErrorKind::data);
    }
  }
  EXPECT_EQ(schedule->factor(0), 1);
}

}  // namespace
}  // namespace larmor::optim::schedules
