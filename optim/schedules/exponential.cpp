#include "optim/schedules/exponential.h"

#include <cmath>

namespace larmor::optim::schedules {

namespace {

class ExponentialSchedule : public TimedSchedule {
 public:
  ExponentialSchedule(const ExponentialOptions& options, const ScheduleContext& context)
      : TimedSchedule(options.time, context), gamma_(options.gamma) {}

 protected:
  double shape(int64_t t, int64_t) const override { return std::pow(gamma_, static_cast<double>(t)); }

 private:
  double gamma_;
};

}  // namespace

OptionTable options_of(ExponentialOptions& options) {
  OptionTable table;
  table.add("gamma", options.gamma, "factor per unit of time", greater_than(0));
  add_time_options(table, options.time);
  return table;
}

std::unique_ptr<Schedule> make_exponential(const ExponentialOptions& options, const ScheduleContext& context) {
  return std::make_unique<ExponentialSchedule>(options, context);
}

void register_exponential(Registry& schedules) {
  schedules.add<ExponentialOptions>("exponential", "multiplied by gamma in each step or epoch", "PyTorch ExponentialLR", make_exponential);
}

}  // namespace larmor::optim::schedules
