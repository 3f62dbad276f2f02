#include "optim/schedules/linear.h"

#include <algorithm>

namespace larmor::optim::schedules {

namespace {

class LinearSchedule : public TimedSchedule {
 public:
  LinearSchedule(const LinearOptions& options, const ScheduleContext& context)
      : TimedSchedule(options.time, context), start_(options.start), end_(options.end) {}

 protected:
  double shape(int64_t t, int64_t total) const override {
    return start_ + (end_ - start_) * static_cast<double>(std::min(t, total)) / static_cast<double>(total);
  }

 private:
  double start_;
  double end_;
};

}  // namespace

OptionTable options_of(LinearOptions& options) {
  OptionTable table;
  table.add("start", options.start, "first factor", at_least(0));
  table.add("end", options.end, "last factor", at_least(0));
  add_time_options(table, options.time);
  return table;
}

std::unique_ptr<Schedule> make_linear(const LinearOptions& options, const ScheduleContext& context) {
  return std::make_unique<LinearSchedule>(options, context);
}

void register_linear(Registry& schedules) { schedules.add<LinearOptions>("linear", "a straight line", "PyTorch LinearLR", make_linear); }

}  // namespace larmor::optim::schedules
