#include "optim/lamb.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/optim/support.h"

namespace larmor::optim {
namespace {

TEST(Lamb, FirstStepHasTheNormOfTheWeights) {
  Single one("lamb", "{always_adapt: true, weight_decay: 0, eps: 0, max_grad_norm: null}", numbers({3, 4}));
  one.step(numbers({7, -0.1}), 0.1);
  // The update is (1, -1).
  const double ratio = 5 / std::sqrt(2.0);
  EXPECT_LE(distance(one.value(), numbers({3 - 0.1 * ratio, 4 + 0.1 * ratio})), 1e-12);
}

TEST(Lamb, DoesNotAdaptWithoutDecayUnlessTold) {
  Single one("lamb", "{weight_decay: 0, eps: 0}", numbers({3, 4}));
  one.step(numbers({7, -0.1}), 0.1);
  EXPECT_LE(distance(one.value(), numbers({2.9, 4.1})), 1e-12);
}

TEST(Lamb, TrustClipOnlyShortens) {
  const std::string options = "always_adapt: true, trust_clip: true, weight_decay: 0, eps: 0";
  Single large("lamb", "{" + options + "}", numbers({3, 4}));
  large.step(numbers({7, -0.1}), 0.1);
  EXPECT_LE(distance(large.value(), numbers({2.9, 4.1})), 1e-12);
  Single small("lamb", "{" + options + "}", numbers({0.3, 0.4}));
  small.step(numbers({7, -0.1}), 0.1);
  const double ratio = 0.5 / std::sqrt(2.0);
  EXPECT_LE(distance(small.value(), numbers({0.3 - 0.1 * ratio, 0.4 + 0.1 * ratio})), 1e-12);
}

TEST(Lamb, LimitsTheNormOfAllGradientsTogether) {
  // The limit shows in the second moment: gradients (3, 0) and (0, 4) have norm 5.
  const at::Tensor a = make_parameter(numbers({1, 1}));
  const at::Tensor b = make_parameter(numbers({1, 1}));
  const auto optimizer = make_optimizer("lamb", "{}", {{{{"a", a}}, 1, {}}, {{{"b", b}}, 1, {}}});
  set_gradient(a, numbers({3, 0}));
  set_gradient(b, numbers({0, 4}));
  optimizer->step(0.1);
  for (const auto& [name, value] : optimizer->state()) {
    if (name == "exp_avg/a") {
      EXPECT_LE(distance(value, numbers({0.1 * 3 / 5, 0})), 1e-12);
    }
    if (name == "exp_avg/b") {
      EXPECT_LE(distance(value, numbers({0, 0.1 * 4 / 5})), 1e-12);
    }
  }
  EXPECT_LE(distance(a.grad(), numbers({3, 0})), 0) << "the gradients themselves stay";
}

}  // namespace
}  // namespace larmor::optim
