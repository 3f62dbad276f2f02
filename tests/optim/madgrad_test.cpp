#include "optim/madgrad.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/optim/support.h"

namespace larmor::optim {
namespace {

TEST(Madgrad, FirstStepGoesByTheCubeRootOfTheGradient) {
  Single one("madgrad", "{momentum: 0, eps: 1e-12}", numbers({1, -2, 3}));
  one.step(numbers({8, -0.001, 0}), 0.1);
  // 0.1 g / cbrt(0.1 g^2)
  const double scale = std::cbrt(0.01);
  EXPECT_LE(distance(one.value(), numbers({1 - scale * 2, -2 + scale * 0.1, 3})), 1e-9);
}

TEST(Madgrad, MomentumIsTheShareThatStays) {
  Single all("madgrad", "{momentum: 0}", numbers({1}));
  Single part("madgrad", "{momentum: 0.75}", numbers({1}));
  all.step(numbers({1}), 0.1);
  part.step(numbers({1}), 0.1);
  EXPECT_NEAR(1 - part.value().item<double>(), (1 - all.value().item<double>()) / 4, 1e-12);
}

/// Equal gradients: the sums grow alike, and z goes from the start by rate * sum / cbrt(rate * sum).
TEST(Madgrad, AveragesFromTheStart) {
  Single one("madgrad", "{momentum: 0, eps: 1e-12}", numbers({5}));
  double sum = 0;
  for (int t = 1; t <= 4; ++t) {
    one.step(numbers({1}), 0.1);
    sum += 0.1 * std::sqrt(t);
    EXPECT_NEAR(one.value().item<double>(), 5 - sum / std::cbrt(sum), 1e-9) << t;
  }
}

/// The fast path has a cube root of its own.
TEST(Madgrad, CubeRootsOfAllSizes) {
  std::vector<double> gradients = {0};
  for (int exponent = -18; exponent <= 18; exponent += 3) gradients.push_back(std::pow(10.0, exponent));
  Single exact("madgrad", "{momentum: 0, eps: 1e-18}", at::zeros_like(numbers(gradients)));
  Single fast("madgrad", "{momentum: 0, eps: 1e-18}", at::zeros_like(numbers(gradients)).to(at::kFloat));
  exact.step(numbers(gradients), 1);
  fast.step(numbers(gradients).to(at::kFloat), 1);
  for (size_t i = 0; i < gradients.size(); ++i) {
    const double expected = exact.value()[static_cast<int64_t>(i)].item<double>();
    EXPECT_NEAR(fast.value()[static_cast<int64_t>(i)].item<double>(), expected, 1e-6 * std::abs(expected)) << gradients[i];
  }
}

TEST(MadgradError, SaysWhatIsWrong) {
  EXPECT_EQ(message_of([] { make_optimizer("madgrad", "{eps: 0}", {}); }), "test:1: eps: 0 is not allowed; must be > 0");
  EXPECT_EQ(message_of([] { make_optimizer("madgrad", "{momentum: 1}", {}); }), "test:1: momentum: 1 is not allowed; must be in [0, 1)");
}

}  // namespace
}  // namespace larmor::optim
