#include "optim/nadam.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/optim/support.h"

namespace larmor::optim {
namespace {

TEST(Nadam, KeepsTheProductOfItsCoefficients) {
  Single one("nadam", "{momentum_decay: 0.1}", numbers({1}));
  double product = 1;
  for (int t = 1; t <= 3; ++t) {
    one.step(numbers({1}), 0.1);
    product *= 0.9 * (1 - 0.5 * std::pow(0.96, t * 0.1));
  }
  for (const auto& [name, value] : one.optimizer().state()) {
    if (name == "mu_product/w") {
      EXPECT_NEAR(value.item<double>(), product, 1e-15);
    }
  }
}

TEST(Nadam, DecoupledDecayActsOnTheWeights) {
  Single coupled("nadam", "{weight_decay: 0.5}", numbers({2}));
  Single decoupled("nadam", "{weight_decay: 0.5, decoupled_weight_decay: true}", numbers({2}));
  Single plain("nadam", "{}", numbers({2}));
  for (Single* one : {&coupled, &decoupled, &plain}) one->step(numbers({1}), 0.1);
  EXPECT_NEAR(decoupled.value().item<double>(), plain.value().item<double>() - 0.1, 1e-12);
  EXPECT_NE(coupled.value().item<double>(), decoupled.value().item<double>());
}

}  // namespace
}  // namespace larmor::optim
