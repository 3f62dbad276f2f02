#include "optim/schedulefree_adamw.h"

#include <gtest/gtest.h>

#include "tests/optim/support.h"

namespace larmor::optim {
namespace {

at::Tensor find(const NamedTensors& tensors, const std::string& name) {
  for (const auto& [key, tensor] : tensors) {
    if (key == name) return tensor;
  }
  return {};
}

/// x is the mean of all z, and gradients are taken between the two.
TEST(SchedulefreeAdamw, EvaluatesTheMeanOfTheFastPoints) {
  Single one("schedulefree_adamw", "{betas: [0.8, 0.9]}", numbers({1, -2}));
  EXPECT_TRUE(at::equal(find(one.optimizer().evaluation_weights(), "w"), numbers({1, -2})));
  at::Tensor sum = at::zeros({2}, at::kDouble);
  for (int t = 1; t <= 6; ++t) {
    one.step(one.value() * t, 0.1);
    const at::Tensor z = find(one.optimizer().state(), "z/w");
    sum += z;
    const at::Tensor x = find(one.optimizer().evaluation_weights(), "w");
    EXPECT_LE(distance(x, sum / t), 1e-12) << t;
    EXPECT_LE(distance(one.value(), 0.2 * z + 0.8 * x), 1e-12) << t;
  }
}

TEST(SchedulefreeAdamw, PointsWeighByTheSquareOfTheLargestRate) {
  Single one("schedulefree_adamw", "{}", numbers({0}));
  at::Tensor weighted = at::zeros({1}, at::kDouble);
  double sum = 0, largest = 0;
  for (const double lr : {0.1, 0.3, 0.2}) {
    one.step(numbers({1}), lr);
    largest = std::max(largest, lr);
    weighted += largest * largest * find(one.optimizer().state(), "z/w");
    sum += largest * largest;
    EXPECT_LE(distance(find(one.optimizer().evaluation_weights(), "w"), weighted / sum), 1e-12) << lr;
  }
}

TEST(SchedulefreeAdamw, WarmsUp) {
  Single one("schedulefree_adamw", "{eps: 0, warmup_steps: 4}", numbers({0}));
  double z = 0;
  for (int t = 1; t <= 6; ++t) {
    one.step(numbers({1}), 0.4);
    z -= 0.4 * std::min(t / 4.0, 1.0);
    EXPECT_NEAR(find(one.optimizer().state(), "z/w").item<double>(), z, 1e-9) << t;
  }
}

TEST(SchedulefreeAdamw, MomentumOfASchedulesCycleChangesNothing) {
  Single plain("schedulefree_adamw", "{}", numbers({1})), cycled("schedulefree_adamw", "{}", numbers({1}));
  cycled.optimizer().set_momentum(0.5);
  for (int64_t t = 1; t <= 3; ++t) {
    plain.step(numbers({static_cast<double>(t)}), 0.1);
    cycled.step(numbers({static_cast<double>(t)}), 0.1);
  }
  EXPECT_TRUE(at::equal(plain.value(), cycled.value()));
}

TEST(SchedulefreeAdamwError, SaysWhatIsWrong) {
  EXPECT_EQ(message_of([] { make_optimizer("schedulefree_adamw", "{betas: [0, 0.99]}", {}); }),
            "test:1: betas: the first must be > 0: without it there is no average");
  EXPECT_EQ(message_of([] { make_optimizer("schedulefree_adamw", "{warmup_steps: -1}", {}); }),
            "test:1: warmup_steps: -1 is not allowed; must be >= 0");
}

}  // namespace
}  // namespace larmor::optim
