#include "optim/moments.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/optim/support.h"

namespace larmor::optim {
namespace {

TEST(Rectify, IsAdaptiveFromTheSixthStep) {
  for (const double beta2 : {0.999, 0.99}) {
    for (int64_t t = 1; t <= 5; ++t) {
      EXPECT_FALSE(rectify(t, 0.9, beta2).is_adaptive) << t;
      EXPECT_NEAR(rectify(t, 0.9, beta2).factor, 1 / (1 - std::pow(0.9, static_cast<double>(t))), 1e-12);
    }
    EXPECT_TRUE(rectify(6, 0.9, beta2).is_adaptive);
  }
}

TEST(Rectify, BecomesAdam) {
  EXPECT_NEAR(rectify(1000000, 0.9, 0.999).factor, 1, 1e-9);
  EXPECT_FALSE(rectify(1000000, 0.9, 0.6).is_adaptive) << "a mean so short that its variance is never tractable";
}

TEST(BiasCorrection, IsOneMinusAPower) {
  EXPECT_DOUBLE_EQ(bias_correction(0.5, 3), 0.875);
  EXPECT_DOUBLE_EQ(bias_correction(0, 1), 1);
}

}  // namespace
}  // namespace larmor::optim
