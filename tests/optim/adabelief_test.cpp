#include "optim/adabelief.h"

#include <gtest/gtest.h>

#include "tests/optim/support.h"

namespace larmor::optim {
namespace {

TEST(Adabelief, BeginsAsRadamDoes) {
  Single one("adabelief", "{}", numbers({1, -2}));
  one.step(numbers({0.5, 4}), 0.1);
  EXPECT_LE(distance(one.value(), numbers({1 - 0.05, -2 - 0.4})), 1e-12);
}

TEST(Adabelief, WithoutRectificationTheFirstStepKnowsTheSurprise) {
  Single one("adabelief", "{rectify: false, eps: 0}", numbers({1}));
  one.step(numbers({2}), 0.1);
  // m / .1 = g; the surprise is .9 g, so the root is .9 g.
  EXPECT_NEAR(one.value().item<double>(), 1 - 0.1 / 0.9, 1e-12);
}

TEST(Adabelief, BelievesAConstantGradient) {
  Single belief("adabelief", "{rectify: false}", numbers({0}));
  Single adam("adam", "{}", numbers({0}));
  for (int t = 0; t < 60; ++t) {
    belief.step(numbers({1}), 0.01);
    adam.step(numbers({1}), 0.01);
  }
  EXPECT_LT(belief.value().item<double>(), 2 * adam.value().item<double>()) << "steps grow as the surprise fades";
}

TEST(Adabelief, WeightDecayActsOnTheWeights) {
  Single one("adabelief", "{weight_decay: 0.5}", numbers({2}));
  one.step(numbers({0}), 0.1);
  EXPECT_NEAR(one.value().item<double>(), 2 * 0.95, 1e-12);
}

}  // namespace
}  // namespace larmor::optim
