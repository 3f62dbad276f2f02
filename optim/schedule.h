// Learning-rate schedules: factors of the base rate as a pure function of the step; only `plateau` has state.
#pragma once
#include <cstdint>
#include <limits>
#include <memory>
#include <string>

#include "core/config.h"
#include "core/registry.h"

namespace larmor::optim {

/// What a schedule may know.
struct ScheduleContext {
  int64_t total_steps = 1;  ///< optimizer steps of the whole training, T
  int64_t steps_per_epoch = 1;
  double base_lr = 1e-3;  ///< for absolute floors (min_lr)
};

class Schedule {
 public:
  virtual ~Schedule() = default;
  /// Multiplier of the base rate for step t = 0, 1, …
  virtual double factor(int64_t t) const = 0;
  /// Momentum (beta1) for step t, or NaN to leave the optimizer's own.
  virtual double momentum(int64_t) const { return std::numeric_limits<double>::quiet_NaN(); }
  /// Once per epoch with the validated value; only plateau listens.
  virtual void observe(double) {}
  /// State as JSON text ("{}" for pure functions of t).
  virtual std::string state() const { return "{}"; }
  virtual void load_state(const std::string&) {}
};

namespace schedules {
using Registry = ComponentRegistry<std::unique_ptr<Schedule>, ScheduleContext>;
const Registry& registry();
}  // namespace schedules

}  // namespace larmor::optim
