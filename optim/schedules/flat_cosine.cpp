#include "optim/schedules/flat_cosine.h"

#include <algorithm>

namespace larmor::optim::schedules {

namespace {

class FlatCosineSchedule : public TimedSchedule {
 public:
  FlatCosineSchedule(const FlatCosineOptions& options, const ScheduleContext& context)
      : TimedSchedule(options.time, context), flat_(options.flat), floor_(floor_of(options.floor, context)) {}

 protected:
  double shape(int64_t t, int64_t total) const override {
    const double progress = static_cast<double>(std::min(t, total)) / static_cast<double>(total);
    return progress < flat_ ? 1 : cosine_between(1, floor_, (progress - flat_) / (1 - flat_));
  }

 private:
  double flat_;
  double floor_;
};

}  // namespace

OptionTable options_of(FlatCosineOptions& options) {
  OptionTable table;
  table.add("flat", options.flat, "share of the time at the full rate", from_up_to(0, 1));
  add_floor_options(table, options.floor);
  add_time_options(table, options.time);
  return table;
}

std::unique_ptr<Schedule> make_flat_cosine(const FlatCosineOptions& options, const ScheduleContext& context) {
  return std::make_unique<FlatCosineSchedule>(options, context);
}

void register_flat_cosine(Registry& schedules) {
  schedules.add<FlatCosineOptions>("flat_cosine", "flat, then half a cosine", "fastai fit_flat_cos; mgrankin/over9000", make_flat_cosine);
}

}  // namespace larmor::optim::schedules
