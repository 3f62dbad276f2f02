// The same rate throughout (after the warm-up, if any).
#pragma once
#include <memory>

#include "core/options.h"
#include "optim/schedules/registry.h"
#include "optim/schedules/timed_schedule.h"

namespace larmor::optim::schedules {

struct ConstantOptions {
  TimeOptions time;
};

OptionTable options_of(ConstantOptions& options);
std::unique_ptr<Schedule> make_constant(const ConstantOptions& options, const ScheduleContext& context);
void register_constant(Registry& schedules);

}  // namespace larmor::optim::schedules
