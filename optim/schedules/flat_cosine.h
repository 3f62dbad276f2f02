// The full rate for a share of the time, then half a cosine down to the floor: the habit that goes with Ranger.
//
//   t / T < flat   1
//   else           min + (1 - min) (1 + cos(pi (t / T - flat) / (1 - flat))) / 2
//
// Source: fastai fit_flat_cos; mgrankin/over9000.
#pragma once
#include <memory>

#include "core/options.h"
#include "optim/schedules/registry.h"
#include "optim/schedules/timed_schedule.h"

namespace larmor::optim::schedules {

struct FlatCosineOptions {
  TimeOptions time;
  double flat = 0.75;  ///< share of the time at the full rate
  FloorOptions floor;
};

OptionTable options_of(FlatCosineOptions& options);
std::unique_ptr<Schedule> make_flat_cosine(const FlatCosineOptions& options, const ScheduleContext& context);
void register_flat_cosine(Registry& schedules);

}  // namespace larmor::optim::schedules
