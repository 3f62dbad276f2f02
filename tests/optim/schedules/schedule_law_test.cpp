// Laws that hold for every schedule, or for a family of them, whatever the length of the training.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>

#include "optim/schedule.h"
#include "tests/optim/schedules/support.h"

namespace larmor::optim::schedules {
namespace {

constexpr double kRounding = 1e-12;

std::unique_ptr<Schedule> any_schedule_of(const std::vector<std::string>& yaml, const ScheduleContext& context) {
  const std::string text = *rc::gen::elementOf(yaml);
  const size_t space = text.find(' ');
  RC_LOG(text);
  return make_schedule(text.substr(0, space), text.substr(space + 1), context);
}

RC_GTEST_PROP(ScheduleLaw, FallingSchedulesNeverRise, ()) {
  const int64_t total = *rc::gen::inRange(1, 60);
  const auto schedule =
      any_schedule_of({"constant {}", "step {size: 3}", "multistep {milestones: [2, 7, 7, 30]}", "exponential {gamma: 0.9}", "poly {}",
                       "poly {power: 3, min: 0.1}", "linear {}", "linear {start: 0.7, end: 0.2}", "cosine {}", "cosine {min: 0.3}",
                       "flat_cosine {}", "flat_cosine {flat: 0, min_lr: 0.01}"},
                      steps(total));
  for (int64_t t = 0; t < 2 * total; ++t) RC_ASSERT(schedule->factor(t + 1) <= schedule->factor(t) + kRounding);
}

RC_GTEST_PROP(ScheduleLaw, WarmUpRisesToTheFirstFactorAndDelaysTheRest, ()) {
  const int64_t total = *rc::gen::inRange(1, 60);
  const int64_t warmup = *rc::gen::inRange(1, 20);
  const std::string name = *rc::gen::elementOf(std::vector<std::string>{"constant", "poly", "cosine", "flat_cosine", "linear", "onecycle"});
  const auto plain = make_schedule(name, "{}", steps(total));
  const auto warm = make_schedule(name, fmt::format("{{warmup: {}}}", warmup), steps(total + warmup));
  for (int64_t t = 0; t < warmup; ++t)
    RC_ASSERT(std::abs(warm->factor(t) - static_cast<double>(t + 1) / static_cast<double>(warmup)) < kRounding);
  for (int64_t t = 0; t < 2 * total; ++t) {
    RC_ASSERT(warm->factor(warmup + t) == plain->factor(t));
    RC_ASSERT(std::isnan(plain->momentum(t)) || warm->momentum(warmup + t) == plain->momentum(t));
  }
}

RC_GTEST_PROP(ScheduleLaw, EpochsAreStepsHeld, ()) {
  const int64_t epochs = *rc::gen::inRange(1, 20);
  const int64_t length = *rc::gen::inRange(1, 9);
  const std::string name =
      *rc::gen::elementOf(std::vector<std::string>{"poly", "cosine", "flat_cosine", "linear", "onecycle", "exponential", "step"});
  const auto per_step = make_schedule(name, "{warmup: 2}", steps(epochs));
  const auto per_epoch = make_schedule(name, "{warmup: 2, per: epoch}", steps(epochs * length, length));
  for (int64_t t = 0; t < epochs * length; ++t) RC_ASSERT(per_epoch->factor(t) == per_step->factor(t / length));
}

RC_GTEST_PROP(ScheduleLaw, TheCosineIsSymmetric, ()) {
  const int64_t total = *rc::gen::inRange(1, 200);
  const double floor = *rc::gen::inRange(0, 100) / 100.0;
  const auto schedule = make_schedule("cosine", fmt::format("{{min: {}}}", floor), steps(total));
  for (int64_t t = 0; t <= total; ++t) RC_ASSERT(std::abs(schedule->factor(t) + schedule->factor(total - t) - 1 - floor) < kRounding);
}

RC_GTEST_PROP(ScheduleLaw, MomentumOfOnecycleMirrorsTheRate, ()) {
  const int64_t total = *rc::gen::inRange(2, 100);
  const std::string form = *rc::gen::elementOf(std::vector<std::string>{"torch", "fastai"});
  const auto schedule = make_schedule("onecycle", fmt::format("{{form: {}}}", form), steps(total));
  const std::vector<double> rates = factors(*schedule, total);
  const auto top = std::max_element(rates.begin(), rates.end()) - rates.begin();
  for (int64_t t = 0; t + 1 < total; ++t) {
    if (t == top - 1 || t == top) continue;  // the turn itself may lie between two steps
    const double rise = schedule->factor(t + 1) - schedule->factor(t);
    const double fall = schedule->momentum(t) - schedule->momentum(t + 1);
    RC_ASSERT((t < top ? rise > 0 && fall > 0 : rise < 0 && fall < 0));
  }
}

/// With a threshold of 0 only order counts, so a monotone change of all values changes nothing.
RC_GTEST_PROP(ScheduleLaw, PlateauWithoutThresholdKnowsOrderOnly, (const std::vector<int16_t>& values)) {
  const std::string options = fmt::format("{{threshold: 0, patience: {}, cooldown: {}}}", *rc::gen::inRange(0, 4), *rc::gen::inRange(0, 3));
  const auto plain = make_schedule("plateau", options, steps(100));
  const auto cubed = make_schedule("plateau", options, steps(100));
  double last = 1;
  for (const double value : values) {
    plain->observe(value);
    cubed->observe(value * value * value + 5);
    RC_ASSERT(plain->factor(0) == cubed->factor(0));
    RC_ASSERT(plain->factor(0) <= last);
    last = plain->factor(0);
  }
}

}  // namespace
}  // namespace larmor::optim::schedules
