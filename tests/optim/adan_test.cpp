#include "optim/adan.h"

#include <gtest/gtest.h>

#include "tests/optim/support.h"

namespace larmor::optim {
namespace {

TEST(Adan, FirstStepIsTheRateInTheGradientsDirection) {
  Single one("adan", "{eps: 0}", numbers({1, -2}));
  one.step(numbers({5, -0.01}), 0.1);
  EXPECT_LE(distance(one.value(), numbers({0.9, -1.9})), 1e-12);
}

TEST(Adan, TheChangeOfTheGradientCounts) {
  Single one("adan", "{eps: 0, betas: [0, 0.5, 0]}", numbers({0}));
  one.step(numbers({1}), 0.1);
  one.step(numbers({3}), 0.1);
  // d = 2, c = 1, c / (1 - .25) = 4 / 3; g + .5 d = 4
  EXPECT_NEAR(one.value().item<double>(), -0.1 - 0.1 * (3 + 0.5 * 4 / 3.0) / 4, 1e-12);
}

TEST(Adan, FormsOfDecay) {
  Single proximal("adan", "{weight_decay: 0.5}", numbers({2}));
  Single weights("adan", "{weight_decay: 0.5, decay: weights}", numbers({2}));
  proximal.step(numbers({0}), 0.1);
  weights.step(numbers({0}), 0.1);
  EXPECT_NEAR(proximal.value().item<double>(), 2 / 1.05, 1e-12);
  EXPECT_NEAR(weights.value().item<double>(), 2 * 0.95, 1e-12);
}

TEST(AdanError, SaysWhatIsWrong) {
  EXPECT_EQ(message_of([] { make_optimizer("adan", "{betas: [0.9, 0.99]}", {}); }), "test:1: betas: has 2 numbers; must have 3");
}

}  // namespace
}  // namespace larmor::optim
