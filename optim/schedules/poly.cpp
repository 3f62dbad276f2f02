#include "optim/schedules/poly.h"

#include <algorithm>
#include <cmath>

namespace larmor::optim::schedules {

namespace {

class PolySchedule : public TimedSchedule {
 public:
  PolySchedule(const PolyOptions& options, const ScheduleContext& context)
      : TimedSchedule(options.time, context), power_(options.power), floor_(floor_of(options.floor, context)) {}

 protected:
  double shape(int64_t t, int64_t total) const override {
    const double left = 1 - static_cast<double>(std::min(t, total)) / static_cast<double>(total);
    return floor_ + (1 - floor_) * std::pow(left, power_);
  }

 private:
  double power_;
  double floor_;
};

}  // namespace

OptionTable options_of(PolyOptions& options) {
  OptionTable table;
  table.add("power", options.power, "exponent", greater_than(0));
  add_floor_options(table, options.floor);
  add_time_options(table, options.time);
  return table;
}

std::unique_ptr<Schedule> make_poly(const PolyOptions& options, const ScheduleContext& context) {
  return std::make_unique<PolySchedule>(options, context);
}

void register_poly(Registry& schedules) {
  schedules.add<PolyOptions>("poly", "falls as (1 - t/T)^power", "PyTorch PolynomialLR; nnU-Net", make_poly);
}

}  // namespace larmor::optim::schedules
