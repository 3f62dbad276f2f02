#include "eval/distributions.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <numbers>

namespace larmor::eval {
namespace {

TEST(Distributions, NormalQuantilesOfTables) {
  EXPECT_NEAR(normal_quantile(0.975), 1.9599639845400545, 1e-14);
  EXPECT_NEAR(normal_quantile(0.995), 2.5758293035489004, 1e-14);
  EXPECT_NEAR(normal_quantile(0.5), 0, 1e-15);
  EXPECT_NEAR(normal_cdf(-6) / 9.865876450376946e-10, 1, 1e-12);
}

/// Closed forms: t with 1 degree is Cauchy, with 2 degrees algebraic.
TEST(Distributions, StudentWithClosedForms) {
  for (const double x : {-30.0, -2.5, -0.1, 0.0, 0.7, 4.0, 100.0}) {
    EXPECT_NEAR(student_t_cdf(x, 1), 0.5 + std::atan(x) / std::numbers::pi, 1e-14) << x;
    EXPECT_NEAR(student_t_cdf(x, 2), 0.5 + x / (2 * std::sqrt(2 + x * x)), 1e-14) << x;
  }
  EXPECT_NEAR(student_t_cdf(1.3, 1e7), normal_cdf(1.3), 1e-7);
  EXPECT_TRUE(std::isnan(student_t_cdf(std::nan(""), 3)));
}

/// I_x(a, 1) = x^a; I_x(1, b) = 1 - (1-x)^b.
TEST(Distributions, BetaWithClosedForms) {
  for (const double x : {0.0, 1e-9, 0.1, 0.5, 0.93, 1.0}) {
    for (const double a : {0.5, 1.0, 3.0, 40.0}) {
      EXPECT_NEAR(beta_cdf(x, a, 1), std::pow(x, a), 1e-13) << x << " " << a;
      EXPECT_NEAR(beta_cdf(x, 1, a), 1 - std::pow(1 - x, a), 1e-13) << x << " " << a;
    }
  }
}

TEST(Distributions, BinomialIsASum) {
  for (const long long n : {1, 7, 30}) {
    double sum = 0;
    for (long long k = 0; k <= n; ++k) {
      sum += std::exp(std::lgamma(n + 1.0) - std::lgamma(k + 1.0) - std::lgamma(n - k + 1.0)) * std::pow(0.3, k) * std::pow(0.7, n - k);
      EXPECT_NEAR(binomial_cdf(k, n, 0.3), sum, 1e-12) << k << " of " << n;
    }
  }
  EXPECT_EQ(binomial_cdf(-1, 5, 0.3), 0);
  EXPECT_EQ(binomial_cdf(0, 0, 0.5), 1);
}

RC_GTEST_PROP(DistributionLaws, QuantilesInvert, ()) {
  const double p = *rc::gen::map(rc::gen::inRange(1, 100000), [](int i) { return i / 100000.0; });
  const double a = *rc::gen::map(rc::gen::inRange(1, 400), [](int i) { return i / 4.0; });
  const double b = *rc::gen::map(rc::gen::inRange(1, 400), [](int i) { return i / 4.0; });
  RC_ASSERT(std::abs(normal_cdf(normal_quantile(p)) - p) < 1e-13);
  RC_ASSERT(std::abs(student_t_cdf(student_t_quantile(p, a), a) - p) < 1e-12);
  RC_ASSERT(std::abs(beta_cdf(beta_quantile(p, a, b), a, b) - p) < 1e-9);
}

RC_GTEST_PROP(DistributionLaws, BetaIsSymmetric, ()) {
  const double x = *rc::gen::map(rc::gen::inRange(0, 1001), [](int i) { return i / 1000.0; });
  const double a = *rc::gen::map(rc::gen::inRange(1, 200), [](int i) { return i / 3.0; });
  const double b = *rc::gen::map(rc::gen::inRange(1, 200), [](int i) { return i / 3.0; });
  RC_ASSERT(std::abs(beta_cdf(x, a, b) + beta_cdf(1 - x, b, a) - 1) < 1e-12);
}

}  // namespace
}  // namespace larmor::eval
