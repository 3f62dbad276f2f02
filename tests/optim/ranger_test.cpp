#include "optim/ranger.h"

#include <gtest/gtest.h>

#include "tests/optim/support.h"

namespace larmor::optim {
namespace {

TEST(Ranger, IsLookaheadAroundRadam) {
  const at::Tensor start = random_tensor("start", {5, 4});
  Single ranger("ranger", "{weight_decay: 0.1}", start);
  Single composed("lookahead", "{inner: radam, inner_options: {weight_decay: 0.1}, k: 6, alpha: 0.5, start: lazy}", start);
  for (int t = 1; t <= 14; ++t) {
    const at::Tensor gradient = random_tensor("gradient." + std::to_string(t), {5, 4});
    ranger.step(gradient, 0.01);
    composed.step(gradient, 0.01);
  }
  EXPECT_TRUE(at::equal(ranger.value(), composed.value()));
}

}  // namespace
}  // namespace larmor::optim
