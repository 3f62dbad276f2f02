#include "optim/novograd.h"

#include <gtest/gtest.h>

#include "tests/optim/support.h"

namespace larmor::optim {
namespace {

TEST(Novograd, FirstStepHasTheRatesLength) {
  Single one("novograd", "{eps: 0}", numbers({1, 1}));
  one.step(numbers({3, 4}), 0.1);
  EXPECT_LE(distance(one.value(), numbers({1 - 0.1 * 0.6, 1 - 0.1 * 0.8})), 1e-12);
}

TEST(Novograd, TheSquareIsOneNumberForTheTensor) {
  Single one("novograd", "{}", numbers({1, 1}));
  one.step(numbers({3, 4}), 0.1);
  one.step(numbers({0, 10}), 0.1);
  for (const auto& [name, value] : one.optimizer().state()) {
    if (name == "exp_avg_sq/w") {
      EXPECT_EQ(value.dim(), 0);
      EXPECT_NEAR(value.item<double>(), 0.98 * 25 + 0.02 * 100, 1e-12);
    }
  }
}

TEST(Novograd, GradAveragingWeighsTheNewGradient) {
  Single plain("novograd", "{}", numbers({1, 1}));
  Single averaged("novograd", "{grad_averaging: true}", numbers({1, 1}));
  plain.step(numbers({3, 4}), 0.1 * 0.05);
  averaged.step(numbers({3, 4}), 0.1);
  EXPECT_LE(distance(plain.value(), averaged.value()), 1e-12);
}

}  // namespace
}  // namespace larmor::optim
