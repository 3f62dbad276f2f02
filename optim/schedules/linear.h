// A straight line over the whole time: factor start + (end - start) t / T.
#pragma once
#include <memory>

#include "core/options.h"
#include "optim/schedules/registry.h"
#include "optim/schedules/timed_schedule.h"

namespace larmor::optim::schedules {

struct LinearOptions {
  TimeOptions time;
  double start = 1;
  double end = 0;
};

OptionTable options_of(LinearOptions& options);
std::unique_ptr<Schedule> make_linear(const LinearOptions& options, const ScheduleContext& context);
void register_linear(Registry& schedules);

}  // namespace larmor::optim::schedules
