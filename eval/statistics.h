// Statistics of tables: intervals, tests, corrections. All from their definitions, checked against SciPy and statsmodels.
#pragma once
#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace larmor::eval {

struct Interval {
  double low = 0, high = 0;
};

double mean(std::span<const double> values);                ///< NaN without values
double standard_deviation(std::span<const double> values);  ///< sample (n - 1); NaN for n < 2
double median(std::span<const double> values);              ///< NaN without values
double quantile(std::span<const double> values, double q);  ///< linear interpolation, as numpy's default; NaN without values
/// Of fewer cases a percentile bootstrap says nothing: with two or three its 95 % are the whole range.
inline constexpr int64_t kFewestForBootstrap = 5;
/// Spearman's rank correlation, ties with their mean rank; NaN for fewer than three pairs or where all of one side are equal.
double spearman(std::span<const double> x, std::span<const double> y);
/// Percentile bootstrap over `cases` cases: `statistic` is given the indices of each resample. Keyed by `seed`, so repeatable.
/// Resamples on which the statistic is NaN are left out; the interval is NaN for fewer than kFewestForBootstrap cases.
Interval bootstrap(int64_t cases, const std::function<double(std::span<const int64_t> drawn)>& statistic, double confidence = 0.95,
                   int64_t resamples = 10000, uint64_t seed = 0);
/// The same of the mean over cases.
Interval bootstrap_mean(std::span<const double> values, double confidence = 0.95, int64_t resamples = 10000, uint64_t seed = 0);
/// t interval of the mean; NaN for n < 2.
Interval t_interval(std::span<const double> values, double confidence = 0.95);

struct TestResult {
  double statistic = 0;
  double p = 1;
};
/// Paired Wilcoxon signed rank as scipy.stats.wilcoxon. zero_method: wilcox | pratt | zsplit; method: auto | exact |
/// asymptotic (correction = continuity correction); alternative: two-sided | less | greater.
/// `exact` ignores ties and zeros in the null distribution, as there. `auto`: exact up to 50 pairs without ties and zeros, with them
/// all sign patterns up to 13 pairs, else asymptotic. No difference at all: p = 1. Error (usage) for unknown names.
struct WilcoxonOptions {
  std::string zero_method = "wilcox", method = "auto", alternative = "two-sided";
  bool correction = false;
};
TestResult wilcoxon(std::span<const double> x, std::span<const double> y, const WilcoxonOptions& options = {});
/// Paired t; NaN for n < 2 or when all differences are 0.
TestResult paired_t(std::span<const double> x, std::span<const double> y, const std::string& alternative = "two-sided");
/// McNemar on the discordant counts: exact binomial, two-sided.
double mcnemar_exact(int64_t only_first, int64_t only_second);

/// Adjusted p-values in input order. method: holm | bonferroni | fdr_bh; Error (usage) otherwise.
std::vector<double> adjust_p(std::span<const double> p, const std::string& method = "holm");

/// method: wilson | beta (Clopper-Pearson) | agresti_coull | normal; limits are cut to [0, 1]. Error (usage) otherwise.
Interval proportion_interval(int64_t successes, int64_t trials, double confidence = 0.95, const std::string& method = "wilson");

}  // namespace larmor::eval
