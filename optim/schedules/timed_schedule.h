// What all schedules share: the unit of time, the warm-up before, the floor below.
#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "core/options.h"
#include "optim/schedule.h"

namespace larmor::optim::schedules {

struct TimeOptions {
  std::string per = "step";  ///< step | epoch: what time is counted in
  int64_t warmup = 0;        ///< length of the warm-up, in that unit; the schedule proper begins after it and has the rest of the time
  /// Factor of the first step: start + (1 - start) t / warmup. null: (t + 1) / warmup, which begins above 0.
  std::optional<double> warmup_start;
};

void add_time_options(OptionTable& table, TimeOptions& options);

/// The factor never goes below `min`, nor the rate below `min_lr`.
struct FloorOptions {
  double min = 0;
  double min_lr = 0;
};

void add_floor_options(OptionTable& table, FloorOptions& options);
/// The larger of both as a factor.
double floor_of(const FloorOptions& options, const ScheduleContext& context);

/// Half a cosine from high (progress 0) to low (1).
double cosine_between(double high, double low, double progress);

/// A schedule that is a function of time.
class TimedSchedule : public Schedule {
 public:
  TimedSchedule(const TimeOptions& options, const ScheduleContext& context);
  double factor(int64_t t) const final;

 protected:
  /// The factor t units after the warm-up, of `total` ≥ 1 units; t may run past the total.
  virtual double shape(int64_t t, int64_t total) const = 0;
  /// Units since the end of the warm-up, negative before it.
  int64_t time_of(int64_t t) const;
  int64_t total() const { return total_; }

 private:
  TimeOptions options_;
  int64_t steps_per_unit_;
  int64_t total_;
};

}  // namespace larmor::optim::schedules
