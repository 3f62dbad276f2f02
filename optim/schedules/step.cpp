#include "optim/schedules/step.h"

#include <cmath>

namespace larmor::optim::schedules {

namespace {

class StepSchedule : public TimedSchedule {
 public:
  StepSchedule(const StepOptions& options, const ScheduleContext& context)
      : TimedSchedule(options.time, context), size_(options.size), gamma_(options.gamma) {}

 protected:
  double shape(int64_t t, int64_t) const override {
    const int64_t steps = t / size_;
    return std::pow(gamma_, static_cast<double>(steps));
  }

 private:
  int64_t size_;
  double gamma_;
};

}  // namespace

OptionTable options_of(StepOptions& options) {
  OptionTable table;
  table.add("size", options.size, "units between two drops", at_least(1));
  table.add("gamma", options.gamma, "factor of a drop", greater_than(0));
  add_time_options(table, options.time);
  return table;
}

std::unique_ptr<Schedule> make_step(const StepOptions& options, const ScheduleContext& context) {
  return std::make_unique<StepSchedule>(options, context);
}

void register_step(Registry& schedules) {
  schedules.add<StepOptions>("step", "multiplied by gamma every few steps or epochs", "PyTorch StepLR", make_step);
}

}  // namespace larmor::optim::schedules
