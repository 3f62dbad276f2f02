#include "optim/schedules/cosine.h"

#include <algorithm>

namespace larmor::optim::schedules {

namespace {

class CosineSchedule : public TimedSchedule {
 public:
  CosineSchedule(const CosineOptions& options, const ScheduleContext& context)
      : TimedSchedule(options.time, context),
        restart_(options.restart),
        mult_(options.restart_mult),
        floor_(floor_of(options.floor, context)) {}

 protected:
  double shape(int64_t t, int64_t total) const override {
    if (restart_ == 0) return at(std::min(t, total), total);
    int64_t length = restart_;
    if (mult_ == 1) return at(t % length, length);
    for (; t >= length; length *= mult_) t -= length;
    return at(t, length);
  }

 private:
  double at(int64_t t, int64_t length) const { return cosine_between(1, floor_, static_cast<double>(t) / static_cast<double>(length)); }

  int64_t restart_;
  int64_t mult_;
  double floor_;
};

}  // namespace

OptionTable options_of(CosineOptions& options) {
  OptionTable table;
  table.add("restart", options.restart, "length of the first of several curves; 0: one over the whole time", at_least(0));
  table.add("restart_mult", options.restart_mult, "each further curve is so many times as long", between(1, 1000));
  add_floor_options(table, options.floor);
  add_time_options(table, options.time);
  return table;
}

std::unique_ptr<Schedule> make_cosine(const CosineOptions& options, const ScheduleContext& context) {
  return std::make_unique<CosineSchedule>(options, context);
}

void register_cosine(Registry& schedules) {
  schedules.add<CosineOptions>("cosine", "half a cosine, with restarts if wanted", "Loshchilov & Hutter 2017", make_cosine);
}

}  // namespace larmor::optim::schedules
