#include "optim/ema.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/optim/support.h"

namespace larmor::optim {
namespace {

NamedTensors state(double value, int64_t count) {
  return {{"weight", at::full({2}, value)}, {"bn.num_batches_tracked", at::full({}, count, at::kLong)}};
}

TEST(Ema, WarmsUp) {
  Ema ema(state(0, 0), 0.999);
  ema.update(state(10, 1));
  EXPECT_NEAR(ema.averaged()[0].second[0].item<double>(), 9, 1e-6) << "decay 1 / 10";
  ema.update(state(0, 2));
  EXPECT_NEAR(ema.averaged()[0].second[0].item<double>(), 9.0 * 2 / 11, 1e-6);
  EXPECT_EQ(ema.updates(), 2);
}

TEST(Ema, ReachesItsDecay) {
  Ema ema(state(0, 0), 0.5);
  for (int t = 0; t < 20; ++t) ema.update(state(0, 0));
  ema.update(state(8, 0));
  EXPECT_NEAR(ema.averaged()[0].second[0].item<double>(), 4, 1e-6);
}

TEST(Ema, CopiesIntegers) {
  Ema ema(state(0, 0), 0.999);
  ema.update(state(1, 7));
  EXPECT_EQ(ema.averaged()[1].second.item<int64_t>(), 7);
}

TEST(Ema, HoldsCopies) {
  const NamedTensors source = state(1, 0);
  const Ema ema(source, 0.9);
  source[0].second.fill_(5);
  EXPECT_EQ(ema.averaged()[0].second[0].item<double>(), 1);
}

TEST(Ema, ResumesBitForBit) {
  const auto at_step = [](int t) { return state(std::sin(t), t); };
  Ema whole(at_step(0), 0.9);
  Ema first(at_step(0), 0.9);
  for (int t = 1; t <= 20; ++t) {
    whole.update(at_step(t));
    if (t <= 8) first.update(at_step(t));
  }
  Ema second(at_step(0), 0.9);
  second.load(first.averaged(), first.updates());
  for (int t = 9; t <= 20; ++t) second.update(at_step(t));
  for (size_t i = 0; i < 2; ++i) EXPECT_TRUE(at::equal(whole.averaged()[i].second, second.averaged()[i].second));
}

TEST(EmaError, RefusesAnotherState) {
  Ema ema(state(0, 0), 0.9);
  EXPECT_EQ(message_of([&] {
              ema.load({{"weight", at::zeros({3})}, {"bn.num_batches_tracked", at::zeros({}, at::kLong)}}, 1);
            }),
            "weight average: 'weight' is Float [3], must be Float [2]");
}

}  // namespace
}  // namespace larmor::optim
