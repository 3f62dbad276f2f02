// The distributions that tests and intervals need. Relative accuracy about 1e-12 in the body and in the tails.
#pragma once

namespace larmor::eval {

/// P(X <= x) of the standard normal distribution.
double normal_cdf(double x);
/// Its inverse; p in (0, 1).
double normal_quantile(double p);

/// P(X <= x) of Student's t with `degrees` > 0 degrees of freedom.
double student_t_cdf(double x, double degrees);
/// Its inverse; p in (0, 1).
double student_t_quantile(double p, double degrees);

/// P(X <= x) of the beta distribution: the regularised incomplete beta function I_x(a, b); a, b > 0.
double beta_cdf(double x, double a, double b);
/// Its inverse; p in [0, 1].
double beta_quantile(double p, double a, double b);

/// P(X <= successes) of the binomial distribution.
double binomial_cdf(long long successes, long long trials, double probability);

}  // namespace larmor::eval
