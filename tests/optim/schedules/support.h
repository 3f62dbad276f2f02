// What the tests of schedules share.
#pragma once
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "core/config.h"
#include "core/error.h"
#include "optim/schedules/registry.h"

namespace larmor::optim::schedules {

inline std::unique_ptr<Schedule> make_schedule(const std::string& name, const std::string& yaml, const ScheduleContext& context = {}) {
  return registry().at(name).make(parse_yaml(yaml, "test"), context);
}

inline ScheduleContext steps(int64_t total, int64_t per_epoch = 1, double base_lr = 1) { return {total, per_epoch, base_lr}; }

/// Factors of steps 0 … count-1.
inline std::vector<double> factors(const Schedule& schedule, int64_t count) {
  std::vector<double> all;
  for (int64_t t = 0; t < count; ++t) all.push_back(schedule.factor(t));
  return all;
}

inline void expect_factors(const std::string& name, const std::string& yaml, const ScheduleContext& context,
                           const std::vector<double>& expected) {
  const auto schedule = make_schedule(name, yaml, context);
  for (size_t t = 0; t < expected.size(); ++t) {
    EXPECT_NEAR(schedule->factor(static_cast<int64_t>(t)), expected[t], 1e-12) << name << " " << yaml << " at " << t;
  }
}

/// The whole message of the Error that making the schedule throws; "" when it throws none.
inline std::string mistake_in(const std::string& name, const std::string& yaml) {
  try {
    make_schedule(name, yaml);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace larmor::optim::schedules
