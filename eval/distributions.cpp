#include "eval/distributions.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "core/error.h"

namespace larmor::eval {

namespace {

/// Where an increasing function reaches `target`: halves [low, high] until no double lies between.
template <class Function>
double solve_increasing(Function function, double target, double low, double high) {
  while (true) {
    const double middle = low + (high - low) / 2;
    if (middle <= low || middle >= high) return middle;
    (function(middle) < target ? low : high) = middle;
  }
}

/// Continued fraction of I_x(a, b), evaluated by Lentz's method; converges fast for x < (a + 1) / (a + b + 2).
double beta_fraction(double x, double a, double b) {
  constexpr double kTiny = 1e-300;
  constexpr double kEps = std::numeric_limits<double>::epsilon();
  constexpr int kMaxSteps = 100000;
  double c = 1, d = 1 - (a + b) * x / (a + 1);
  d = 1 / (std::abs(d) < kTiny ? kTiny : d);
  double fraction = d;
  for (int m = 1; m <= kMaxSteps; ++m) {
    const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
    const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
    double step = 1;
    for (const double term : {even, odd}) {
      d = 1 + term * d;
      c = 1 + term / c;
      d = 1 / (std::abs(d) < kTiny ? kTiny : d);
      c = std::abs(c) < kTiny ? kTiny : c;
      step = c * d;
      fraction *= step;
    }
    if (std::abs(step - 1) < kEps) break;
  }
  return fraction;
}

}  // namespace

double normal_cdf(double x) { return 0.5 * std::erfc(-x / std::numbers::sqrt2); }

double normal_quantile(double p) {
  LARMOR_ASSERT(p > 0 && p < 1);
  constexpr double kFarthest = 40;  // beyond, the density underflows
  return solve_increasing(normal_cdf, p, -kFarthest, kFarthest);
}

double beta_cdf(double x, double a, double b) {
  LARMOR_ASSERT(a > 0 && b > 0);
  if (!(x > 0)) return 0;
  if (x >= 1) return 1;
  const double front = std::exp(a * std::log(x) + b * std::log1p(-x) + std::lgamma(a + b) - std::lgamma(a) - std::lgamma(b));
  if (x < (a + 1) / (a + b + 2)) return front * beta_fraction(x, a, b) / a;
  return 1 - front * beta_fraction(1 - x, b, a) / b;
}

double beta_quantile(double p, double a, double b) {
  LARMOR_ASSERT(p >= 0 && p <= 1);
  return solve_increasing([a, b](double x) { return beta_cdf(x, a, b); }, p, 0, 1);
}

double student_t_cdf(double x, double degrees) {
  LARMOR_ASSERT(degrees > 0);
  if (std::isnan(x)) return x;
  const double tail = 0.5 * beta_cdf(degrees / (degrees + x * x), degrees / 2, 0.5);
  return x < 0 ? tail : 1 - tail;
}

double student_t_quantile(double p, double degrees) {
  LARMOR_ASSERT(p > 0 && p < 1);
  if (p > 0.5) return -student_t_quantile(1 - p, degrees);
  double low = -1;
  while (student_t_cdf(low, degrees) > p && std::isfinite(low)) low *= 2;
  return solve_increasing([degrees](double x) { return student_t_cdf(x, degrees); }, p, low, 0);
}

double binomial_cdf(long long successes, long long trials, double probability) {
  if (successes < 0) return 0;
  if (successes >= trials) return 1;
  return beta_cdf(1 - probability, static_cast<double>(trials - successes), static_cast<double>(successes + 1));
}

}  // namespace larmor::eval
