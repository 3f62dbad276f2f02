#include "optim/adamw.h"

#include <gtest/gtest.h>

#include "tests/optim/support.h"

namespace larmor::optim {
namespace {

TEST(Adamw, WeightDecayActsOnTheWeights) {
  Single one("adamw", "{weight_decay: 0.5, eps: 0}", numbers({2, -4}));
  one.step(numbers({1, 1}), 0.1);
  EXPECT_LE(distance(one.value(), numbers({2 * 0.95 - 0.1, -4 * 0.95 - 0.1})), 1e-12);
}

TEST(Adamw, DecaysByDefault) {
  AdamwOptions options;
  EXPECT_EQ(options.weight_decay, 0.01);
  const at::Tensor zero = numbers({0, 0});
  Single one("adamw", "{}", numbers({2, -4}));
  one.step(zero, 0.1);
  EXPECT_LE(distance(one.value(), numbers({2 * 0.999, -4 * 0.999})), 1e-12);
}

}  // namespace
}  // namespace larmor::optim
