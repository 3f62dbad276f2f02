// Statistics of tables: intervals, tests, corrections. All from their definitions, checked against SciPy and statsmodels.
#pragma once
#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace larmor::eval {

struct Interval {
  double low = 0, high = 0;
};

double mean(std::span<const double> values);
double standard_deviation(std::span<const double> values);  ///< sample (n - 1); NaN for n < 2
double median(std::span<const double> values);
double quantile(std::span<const double> values, double q);  ///< linear interpolation, as numpy's default
/// Percentile bootstrap of the mean over cases; keyed by `seed`, so repeatable. NaN for n < 2.
Interval bootstrap_mean(std::span<const double> values, double confidence = 0.95, int64_t resamples = 10000, uint64_t seed = 0);
/// t interval of the mean.
Interval t_interval(std::span<const double> values, double confidence = 0.95);

struct TestResult {
  double statistic = 0;
  double p = 1;
};
/// Paired two-sided Wilcoxon signed rank as scipy.stats.wilcoxon. zero_method: wilcox | pratt | zsplit; method: auto | exact |
/// asymptotic (correction = continuity correction); alternative: two-sided | less | greater.
struct WilcoxonOptions {
  std::string zero_method = "wilcox", method = "auto", alternative = "two-sided";
  bool correction = false;
};
TestResult wilcoxon(std::span<const double> x, std::span<const double> y, const WilcoxonOptions& options = {});
TestResult paired_t(std::span<const double> x, std::span<const double> y, const std::string& alternative = "two-sided");
/// McNemar on the discordant counts: exact binomial.
double mcnemar_exact(int64_t only_first, int64_t only_second);

/// Adjusted p-values in input order. method: holm | bonferroni | fdr_bh.
std::vector<double> adjust_p(std::span<const double> p, const std::string& method = "holm");

/// method: wilson | beta (Clopper-Pearson) | agresti_coull | normal.
Interval proportion_interval(int64_t successes, int64_t trials, double confidence = 0.95, const std::string& method = "wilson");

}  // namespace larmor::eval
