// At each milestone the rate is multiplied by gamma: factor gamma^(milestones passed).
#pragma once
#include <memory>
#include <vector>

#include "core/options.h"
#include "optim/schedules/registry.h"
#include "optim/schedules/timed_schedule.h"

namespace larmor::optim::schedules {

struct MultistepOptions {
  TimeOptions time;
  std::vector<int64_t> milestones;  ///< ascending
  double gamma = 0.1;
};

OptionTable options_of(MultistepOptions& options);
std::unique_ptr<Schedule> make_multistep(const MultistepOptions& options, const ScheduleContext& context);
void register_multistep(Registry& schedules);

}  // namespace larmor::optim::schedules
