#include "optim/radam.h"

#include <gtest/gtest.h>

#include "tests/optim/support.h"

namespace larmor::optim {
namespace {

TEST(Radam, BeginsWithStepsOfTheMeanGradient) {
  Single one("radam", "{}", numbers({1, -2}));
  one.step(numbers({0.5, 4}), 0.1);
  EXPECT_LE(distance(one.value(), numbers({1 - 0.05, -2 - 0.4})), 1e-12);
}

TEST(Radam, SkippedWarmUpChangesNothingForFiveSteps) {
  Single one("radam", "{warmup: skip, weight_decay: 0.1}", numbers({1, -2}));
  for (int t = 1; t <= 5; ++t) {
    one.step(numbers({0.5, 4}), 0.1);
    EXPECT_TRUE(at::equal(one.value(), numbers({1, -2}))) << t;
  }
  one.step(numbers({0.5, 4}), 0.1);
  EXPECT_FALSE(at::equal(one.value(), numbers({1, -2})));
}

TEST(Radam, DecayIsDecoupledUnlessSaidOtherwise) {
  const at::Tensor zero = numbers({0});
  Single decoupled("radam", "{weight_decay: 0.5}", numbers({2}));
  decoupled.step(zero, 0.1);
  EXPECT_NEAR(decoupled.value().item<double>(), 2 * 0.95, 1e-12);
  Single coupled("radam", "{weight_decay: 0.5, decay: coupled}", numbers({2}));
  coupled.step(zero, 0.1);
  EXPECT_NEAR(coupled.value().item<double>(), 2 - 0.1 * (0.1 * 0.5 * 2) / 0.1, 1e-12) << "a plain step along the decay";
}

/// Published versions cached the step size with the rate of whichever group came first.
TEST(Radam, GroupsWithOtherRatesDoNotShareAStepSize) {
  const at::Tensor a = make_parameter(numbers({1}));
  const at::Tensor b = make_parameter(numbers({1}));
  const auto optimizer = make_optimizer("radam", "{}", {{{{"a", a}}, 1, {}}, {{{"b", b}}, 0.5, {}}});
  for (int t = 1; t <= 20; ++t) {
    set_gradient(a, numbers({1}));
    set_gradient(b, numbers({1}));
    optimizer->step(0.01);
  }
  EXPECT_NEAR((1 - a.item<double>()) / (1 - b.item<double>()), 2, 1e-9);
}

TEST(RadamError, SaysWhatIsWrong) {
  EXPECT_EQ(message_of([] { make_optimizer("radam", "{warmup: sdg}", {}); }), "test:1: warmup: unknown value 'sdg'; nearest: 'sgd'");
}

}  // namespace
}  // namespace larmor::optim
