// One cycle: up from 1/div to the full rate over the first `pct` of the time, then down to 1 / (div final); momentum goes the other way.
//
//   three_phase   up, down to 1/div over as long, then from there to 1 / (div final)
//   form: torch   phases end at pct T - 1 and T - 1, so the last step has the lowest rate (PyTorch OneCycleLR)
//         fastai  phases end at pct T and T (fastai fit_one_cycle)
//
// Source: Smith & Topin 2018. mgrankin/over9000 uses div 10.
#pragma once
#include <array>
#include <memory>
#include <string>

#include "core/options.h"
#include "optim/schedules/registry.h"
#include "optim/schedules/timed_schedule.h"

namespace larmor::optim::schedules {

struct OnecycleOptions {
  TimeOptions time;
  double pct = 0.3;
  double div = 25;
  double final_div = 1e4;
  std::string anneal = "cos";  ///< cos | linear
  bool three_phase = false;
  bool cycle_momentum = true;
  std::array<double, 2> momentum = {0.85, 0.95};  ///< at the full rate, at the ends
  std::string form = "torch";                     ///< torch | fastai
};

OptionTable options_of(OnecycleOptions& options);
std::unique_ptr<Schedule> make_onecycle(const OnecycleOptions& options, const ScheduleContext& context);
void register_onecycle(Registry& schedules);

}  // namespace larmor::optim::schedules
