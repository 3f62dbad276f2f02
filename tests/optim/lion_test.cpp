#include "optim/lion.h"

#include <gtest/gtest.h>

#include "tests/optim/support.h"

namespace larmor::optim {
namespace {

TEST(Lion, EveryWeightMovesByTheRate) {
  Single one("lion", "{}", numbers({1, 1, 1}));
  one.step(numbers({100, -0.001, 0}), 0.1);
  EXPECT_LE(distance(one.value(), numbers({0.9, 1.1, 1})), 1e-15);
}

TEST(Lion, WeightDecayActsOnTheWeights) {
  Single one("lion", "{weight_decay: 0.5}", numbers({2}));
  one.step(numbers({1}), 0.1);
  EXPECT_NEAR(one.value().item<double>(), 2 * 0.95 - 0.1, 1e-15);
}

TEST(Lion, TheDirectionMixesMeanAndGradient) {
  // After one step the mean is .01 g: a gradient the other way, 9 times smaller than the mean counts, does not turn it.
  Single one("lion", "{betas: [0.9, 0.99]}", numbers({0}));
  one.step(numbers({100}), 0.1);
  one.step(numbers({-8}), 0.1);
  EXPECT_NEAR(one.value().item<double>(), -0.2, 1e-15);
  one.step(numbers({-90}), 0.1);
  EXPECT_NEAR(one.value().item<double>(), -0.1, 1e-15);
}

TEST(LionError, SaysWhatIsWrong) {
  EXPECT_EQ(message_of([] { make_optimizer("lion", "{betas: [0.9, 0.99, 0.999]}", {}); }), "test:1: betas: has 3 numbers; must have 2");
}

}  // namespace
}  // namespace larmor::optim
