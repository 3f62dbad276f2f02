#include "optim/rangerlars.h"

#include <gtest/gtest.h>

#include "tests/optim/support.h"

namespace larmor::optim {
namespace {

TEST(Rangerlars, IsLookaheadAroundRalamb) {
  const at::Tensor start = random_tensor("start", {5, 4});
  Single rangerlars("rangerlars", "{}", start);
  Single composed("lookahead", "{inner: ralamb, k: 6, alpha: 0.5, start: lazy}", start);
  for (int t = 1; t <= 14; ++t) {
    const at::Tensor gradient = random_tensor("gradient." + std::to_string(t), {5, 4});
    rangerlars.step(gradient, 0.01);
    composed.step(gradient, 0.01);
  }
  EXPECT_TRUE(at::equal(rangerlars.value(), composed.value()));
}

}  // namespace
}  // namespace larmor::optim
