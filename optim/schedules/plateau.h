// Lowers the rate when the monitored value has not become better for a while. The only schedule with state.
//
// A value is better when it beats the best by the threshold: rel: value > best (1 + threshold) for mode max, < best (1 - threshold)
// for min; abs: by the threshold itself. After more than `patience` epochs without, the factor is multiplied by `factor` (the rate not
// below min_lr; a change of the rate of eps or less is left out) and `cooldown` epochs are not counted. NaN is never better.
// Source: PyTorch ReduceLROnPlateau.
#pragma once
#include <cstdint>
#include <memory>
#include <string>

#include "core/options.h"
#include "optim/schedules/registry.h"
#include "optim/schedules/timed_schedule.h"

namespace larmor::optim::schedules {

struct PlateauOptions {
  TimeOptions time;
  std::string mode = "max";  ///< max | min: which way is better
  double factor = 0.5;
  int64_t patience = 5;
  double threshold = 1e-4;
  std::string threshold_mode = "rel";  ///< rel | abs
  int64_t cooldown = 0;
  double min_lr = 0;
  double eps = 1e-8;
};

OptionTable options_of(PlateauOptions& options);
std::unique_ptr<Schedule> make_plateau(const PlateauOptions& options, const ScheduleContext& context);
void register_plateau(Registry& schedules);

}  // namespace larmor::optim::schedules
