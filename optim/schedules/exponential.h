// Each unit multiplies the rate by gamma: factor gamma^t.
#pragma once
#include <memory>

#include "core/options.h"
#include "optim/schedules/registry.h"
#include "optim/schedules/timed_schedule.h"

namespace larmor::optim::schedules {

struct ExponentialOptions {
  TimeOptions time;
  double gamma = 0.97;
};

OptionTable options_of(ExponentialOptions& options);
std::unique_ptr<Schedule> make_exponential(const ExponentialOptions& options, const ScheduleContext& context);
void register_exponential(Registry& schedules);

}  // namespace larmor::optim::schedules
