#include "optim/schedules/timed_schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace larmor::optim::schedules {

void add_time_options(OptionTable& table, TimeOptions& options) {
  table.add("per", options.per, "unit of time: optimizer steps, or epochs", {"step", "epoch"});
  table.add("warmup", options.warmup, "length of a linear rise before the schedule, in that unit", at_least(0));
  table.add("warmup_start", options.warmup_start, "factor where the rise begins; null: one step above 0", between(0, 1));
}

void add_floor_options(OptionTable& table, FloorOptions& options) {
  table.add("min", options.min, "lowest factor", between(0, 1));
  table.add("min_lr", options.min_lr, "lowest learning rate", at_least(0));
}

double floor_of(const FloorOptions& options, const ScheduleContext& context) {
  const double absolute = context.base_lr > 0 ? options.min_lr / context.base_lr : 0;
  return std::max(options.min, absolute);
}

double cosine_between(double high, double low, double progress) {
  return low + (high - low) * (1 + std::cos(std::numbers::pi * progress)) / 2;
}

TimedSchedule::TimedSchedule(const TimeOptions& options, const ScheduleContext& context)
    : options_(options), steps_per_unit_(options.per == "epoch" ? std::max<int64_t>(1, context.steps_per_epoch) : 1) {
  const int64_t units = (context.total_steps + steps_per_unit_ - 1) / steps_per_unit_;
  total_ = std::max<int64_t>(1, units - options.warmup);
}

int64_t TimedSchedule::time_of(int64_t t) const { return t / steps_per_unit_ - options_.warmup; }

double TimedSchedule::factor(int64_t t) const {
  const int64_t time = time_of(t);
  if (time >= 0) return shape(time, total_);
  const auto passed = static_cast<double>(time + options_.warmup);
  const auto length = static_cast<double>(options_.warmup);
  if (!options_.warmup_start) return (passed + 1) / length;
  return *options_.warmup_start + (1 - *options_.warmup_start) * passed / length;
}

}  // namespace larmor::optim::schedules
