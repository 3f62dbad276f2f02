#include "optim/schedules/onecycle.h"

#include <algorithm>
#include <vector>

namespace larmor::optim::schedules {

namespace {

/// A stretch of time in which rate and momentum go from one value to another.
struct Phase {
  double end = 0;
  std::array<double, 2> rate{};
  std::array<double, 2> momentum{};
};

class OnecycleSchedule : public TimedSchedule {
 public:
  OnecycleSchedule(const OnecycleOptions& options, const ScheduleContext& context)
      : TimedSchedule(options.time, context), options_(options) {
    const double first = 1 / options.div;
    const double last = first / options.final_div;
    const auto [low, high] = options.momentum;
    const double shift = options.form == "torch" ? 1 : 0;
    const auto length = static_cast<double>(total());
    const double top = options.pct * length - shift;
    phases_.push_back({top, {first, 1}, {high, low}});
    if (options.three_phase) {
      phases_.push_back({2 * top, {1, first}, {low, high}});
      phases_.push_back({length - shift, {first, last}, {high, high}});
    } else {
      phases_.push_back({length - shift, {1, last}, {low, high}});
    }
  }

  double momentum(int64_t t) const override {
    if (!options_.cycle_momentum) return Schedule::momentum(t);
    return value(std::max<int64_t>(0, time_of(t)), &Phase::momentum);
  }

 protected:
  double shape(int64_t t, int64_t) const override { return value(t, &Phase::rate); }

 private:
  double value(int64_t t, std::array<double, 2> Phase::*ends) const {
    const auto time = static_cast<double>(t);
    size_t i = 0;
    double begin = 0;
    for (; i + 1 < phases_.size() && time > phases_[i].end; ++i) begin = phases_[i].end;
    const Phase& phase = phases_[i];
    const auto [from, to] = phase.*ends;
    const double progress = phase.end > begin ? std::min((time - begin) / (phase.end - begin), 1.0) : 1;
    return options_.anneal == "cos" ? cosine_between(from, to, progress) : from + (to - from) * progress;
  }

  OnecycleOptions options_;
  std::vector<Phase> phases_;
};

}  // namespace

OptionTable options_of(OnecycleOptions& options) {
  OptionTable table;
  table.add("pct", options.pct, "share of the time in which the rate rises", from_up_to(0, 1));
  table.add("div", options.div, "the first rate is 1/div of the full one", at_least(1));
  table.add("final", options.final_div, "the last rate is 1/final of the first one", at_least(1));
  table.add("anneal", options.anneal, "shape of the ways up and down", {"cos", "linear"});
  table.add("three_phase", options.three_phase, "come down as fast as up, then to the last rate");
  table.add("cycle_momentum", options.cycle_momentum, "lower the momentum while the rate is high");
  table.add_range("momentum", options.momentum, "momentum at the full rate and at the ends", from_up_to(0, 1));
  table.add("form", options.form, "whether phases end on a step or after it", {"torch", "fastai"});
  add_time_options(table, options.time);
  table.check("pct", [&options] {
    return options.three_phase && options.pct > 0.5 ? std::string("must be at most 0.5 with three_phase") : std::string();
  });
  return table;
}

std::unique_ptr<Schedule> make_onecycle(const OnecycleOptions& options, const ScheduleContext& context) {
  return std::make_unique<OnecycleSchedule>(options, context);
}

void register_onecycle(Registry& schedules) {
  schedules.add<OnecycleOptions>("onecycle", "up, then far down; momentum the other way", "Smith & Topin 2018; PyTorch OneCycleLR",
                                 make_onecycle);
}

}  // namespace larmor::optim::schedules
