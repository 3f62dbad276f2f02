#include "optim/schedules/constant.h"

namespace larmor::optim::schedules {

namespace {

class ConstantSchedule : public TimedSchedule {
 public:
  ConstantSchedule(const ConstantOptions& options, const ScheduleContext& context) : TimedSchedule(options.time, context) {}

 protected:
  double shape(int64_t, int64_t) const override { return 1; }
};

}  // namespace

OptionTable options_of(ConstantOptions& options) {
  OptionTable table;
  add_time_options(table, options.time);
  return table;
}

std::unique_ptr<Schedule> make_constant(const ConstantOptions& options, const ScheduleContext& context) {
  return std::make_unique<ConstantSchedule>(options, context);
}

void register_constant(Registry& schedules) { schedules.add<ConstantOptions>("constant", "the same rate throughout", "", make_constant); }

}  // namespace larmor::optim::schedules
