#include "optim/schedules/multistep.h"

#include <algorithm>
#include <cmath>

namespace larmor::optim::schedules {

namespace {

class MultistepSchedule : public TimedSchedule {
 public:
  MultistepSchedule(const MultistepOptions& options, const ScheduleContext& context)
      : TimedSchedule(options.time, context), milestones_(options.milestones), gamma_(options.gamma) {}

 protected:
  double shape(int64_t t, int64_t) const override {
    const auto passed = std::upper_bound(milestones_.begin(), milestones_.end(), t) - milestones_.begin();
    return std::pow(gamma_, static_cast<double>(passed));
  }

 private:
  std::vector<int64_t> milestones_;
  double gamma_;
};

}  // namespace

OptionTable options_of(MultistepOptions& options) {
  OptionTable table;
  table.add("milestones", options.milestones, "times of the drops, ascending", at_least(0));
  table.add("gamma", options.gamma, "factor of a drop", greater_than(0));
  table.check("milestones", [&options] {
    const bool ascends = std::is_sorted(options.milestones.begin(), options.milestones.end());
    return ascends ? std::string() : std::string("must ascend");
  });
  add_time_options(table, options.time);
  return table;
}

std::unique_ptr<Schedule> make_multistep(const MultistepOptions& options, const ScheduleContext& context) {
  return std::make_unique<MultistepSchedule>(options, context);
}

void register_multistep(Registry& schedules) {
  schedules.add<MultistepOptions>("multistep", "multiplied by gamma at given times", "PyTorch MultiStepLR", make_multistep);
}

}  // namespace larmor::optim::schedules
