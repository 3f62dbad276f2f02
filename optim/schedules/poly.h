// Polynomial decay to the floor: factor min + (1 - min) (1 - t / T)^power. nnU-Net uses power .9 per epoch.
#pragma once
#include <memory>

#include "core/options.h"
#include "optim/schedules/registry.h"
#include "optim/schedules/timed_schedule.h"

namespace larmor::optim::schedules {

struct PolyOptions {
  TimeOptions time;
  double power = 0.9;
  FloorOptions floor;
};

OptionTable options_of(PolyOptions& options);
std::unique_ptr<Schedule> make_poly(const PolyOptions& options, const ScheduleContext& context);
void register_poly(Registry& schedules);

}  // namespace larmor::optim::schedules
