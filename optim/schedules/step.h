// Every `size` units the rate is multiplied by gamma: factor gamma^floor(t / size).
#pragma once
#include <memory>

#include "core/options.h"
#include "optim/schedules/registry.h"
#include "optim/schedules/timed_schedule.h"

namespace larmor::optim::schedules {

struct StepOptions {
  TimeOptions time;
  int64_t size = 30;
  double gamma = 0.1;
};

OptionTable options_of(StepOptions& options);
std::unique_ptr<Schedule> make_step(const StepOptions& options, const ScheduleContext& context);
void register_step(Registry& schedules);

}  // namespace larmor::optim::schedules
