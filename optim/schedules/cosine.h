// Half a cosine from 1 to the floor: factor min + (1 - min) (1 + cos(pi t / T)) / 2.
//
// With restarts the curve begins anew after `restart` units, the next one after restart_mult times as many, and so on.
// Source: Loshchilov & Hutter 2017.
#pragma once
#include <memory>

#include "core/options.h"
#include "optim/schedules/registry.h"
#include "optim/schedules/timed_schedule.h"

namespace larmor::optim::schedules {

struct CosineOptions {
  TimeOptions time;
  int64_t restart = 0;       ///< length of the first curve; 0: one curve over the whole time
  int64_t restart_mult = 1;  ///< each curve is so many times as long as the one before
  FloorOptions floor;
};

OptionTable options_of(CosineOptions& options);
std::unique_ptr<Schedule> make_cosine(const CosineOptions& options, const ScheduleContext& context);
void register_cosine(Registry& schedules);

}  // namespace larmor::optim::schedules
