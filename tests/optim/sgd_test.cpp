#include "optim/sgd.h"

#include <gtest/gtest.h>

#include <limits>

#include "tests/optim/support.h"

namespace larmor::optim {
namespace {

const at::Tensor kStart = numbers({1, -2});
const at::Tensor kGradient = numbers({0.5, 4});

TEST(Sgd, TakesThePlainStep) {
  Single one("sgd", "{weight_decay: 0.1}", kStart);
  one.step(kGradient, 0.1);
  EXPECT_LE(distance(one.value(), numbers({1 - 0.1 * (0.5 + 0.1), -2 - 0.1 * (4 - 0.2)})), 1e-15);
  EXPECT_EQ(one.optimizer().state().size(), 1U) << "only the step count";
}

TEST(Sgd, MomentumBeginsWithTheGradientItself) {
  Single one("sgd", "{momentum: 0.9, dampening: 0.5}", kStart);
  one.step(kGradient, 0.1);
  EXPECT_LE(distance(one.value(), kStart - 0.1 * kGradient), 1e-15);
  one.step(kGradient, 0.1);
  EXPECT_LE(distance(one.value(), kStart - 0.1 * kGradient - 0.1 * (0.9 + 0.5) * kGradient), 1e-15);
}

TEST(Sgd, NesterovLooksAhead) {
  Single one("sgd", "{momentum: 0.9, nesterov: true}", kStart);
  one.step(kGradient, 0.1);
  EXPECT_LE(distance(one.value(), kStart - 0.1 * 1.9 * kGradient), 1e-15);
}

TEST(Sgd, MomentumOfTheScheduleReplacesItsOwn) {
  Single with("sgd", "{momentum: 0.5}", kStart);
  Single other("sgd", "{momentum: 0.9}", kStart);
  with.optimizer().set_momentum(0.9);
  for (int t = 0; t < 3; ++t) {
    with.step(kGradient, 0.1);
    other.step(kGradient, 0.1);
  }
  EXPECT_TRUE(at::equal(with.value(), other.value()));
  with.optimizer().set_momentum(std::numeric_limits<double>::quiet_NaN());
  with.step(kGradient, 0.1);
  other.step(kGradient, 0.1);
  EXPECT_FALSE(at::equal(with.value(), other.value()));
}

TEST(SgdError, SaysWhatIsWrong) {
  EXPECT_EQ(message_of([] { make_optimizer("sgd", "{nesterov: true}", {}); }), "test:1: nesterov: needs momentum > 0 and dampening 0");
  EXPECT_EQ(message_of([] { make_optimizer("sgd", "{momentum: 1}", {}); }), "test:1: momentum: 1 is not allowed; must be in [0, 1)");
}

}  // namespace
}  // namespace larmor::optim
