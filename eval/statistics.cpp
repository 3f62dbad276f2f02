#include "eval/statistics.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/error.h"
#include "core/random.h"
#include "eval/distributions.h"

namespace larmor::eval {

namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr size_t kExactUpTo = 50;     // pairs without ties, as SciPy
constexpr size_t kPatternsUpTo = 13;  // pairs with ties or zeros, as SciPy

void require_known(const char* what, const std::string& name, const std::vector<std::string>& allowed) {
  if (std::find(allowed.begin(), allowed.end(), name) != allowed.end()) return;
  throw_usage_error(unknown_name_message(what, name, allowed, ""));
}

double interpolate(const std::vector<double>& sorted, double q) {
  const double place = q * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<size_t>(place);
  const size_t above = std::min(below + 1, sorted.size() - 1);
  return std::lerp(sorted[below], sorted[above], place - static_cast<double>(below));
}

std::vector<double> differences(std::span<const double> x, std::span<const double> y) {
  LARMOR_ASSERT(x.size() == y.size());
  std::vector<double> all(x.size());
  std::transform(x.begin(), x.end(), y.begin(), all.begin(), std::minus<>());
  return all;
}

/// p of a statistic with a symmetric null distribution whose lower tail is `cdf`.
template <class Cdf>
double p_of(double statistic, const std::string& alternative, Cdf cdf) {
  if (alternative == "less") return cdf(statistic);
  if (alternative == "greater") return cdf(-statistic);
  return 2 * cdf(-std::abs(statistic));
}

/// Signed ranks of the differences and what the tests need of them.
struct SignedRanks {
  double plus = 0, minus = 0;
  size_t count = 0;  ///< pairs that enter the test
  size_t zeros = 0;
  bool has_ties = false;         ///< among the non-zero differences
  double mean = 0, se = 0;       ///< of `plus` under the null hypothesis, tie corrected
  std::vector<int64_t> doubled;  ///< twice the ranks of the non-zero differences: integers even when tied
  double fixed = 0;              ///< part of `plus` that no sign decides (zsplit)
};

/// From 1; equal values share the mean of their ranks.
std::vector<double> ranks_of(std::span<const double> values) {
  std::vector<size_t> order(values.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return values[a] < values[b]; });
  std::vector<double> ranks(values.size());
  for (size_t first = 0; first < order.size();) {
    size_t last = first;
    while (last + 1 < order.size() && values[order[last + 1]] == values[order[first]]) ++last;
    for (size_t i = first; i <= last; ++i) ranks[order[i]] = 0.5 * static_cast<double>(first + last) + 1;
    first = last + 1;
  }
  return ranks;
}

double cubic(double n) { return n * (n + 1) * (2 * n + 1); }

/// Ranks |d| from 1, ties share their mean rank; calls group(first, last, rank) for each run of equals of the sorted order.
template <class Group>
void for_each_tie_group(const std::vector<double>& sorted, Group group) {
  for (size_t first = 0; first < sorted.size();) {
    size_t last = first;
    while (last + 1 < sorted.size() && std::abs(sorted[last + 1]) == std::abs(sorted[first])) ++last;
    group(first, last, 0.5 * static_cast<double>(first + last) + 1);
    first = last + 1;
  }
}

SignedRanks rank_signed(std::vector<double> d, const std::string& zero_method) {
  SignedRanks ranks;
  ranks.zeros = static_cast<size_t>(std::count(d.begin(), d.end(), 0.0));
  if (zero_method == "wilcox") std::erase(d, 0.0);
  std::sort(d.begin(), d.end(), [](double a, double b) { return std::abs(a) < std::abs(b); });
  ranks.count = d.size();
  double tie_correction = 0;
  for_each_tie_group(d, [&](size_t first, size_t last, double rank) {
    const bool is_zero = d[first] == 0;
    const auto size = static_cast<double>(last - first + 1);
    if (!(is_zero && zero_method == "pratt")) tie_correction += size * size * size - size;
    if (!is_zero && last > first) ranks.has_ties = true;
    if (is_zero && zero_method == "zsplit") ranks.fixed += size * rank / 2;
    for (size_t i = first; i <= last && !is_zero; ++i) {
      (d[i] > 0 ? ranks.plus : ranks.minus) += rank;
      ranks.doubled.push_back(static_cast<int64_t>(std::lround(2 * rank)));
    }
  });
  ranks.plus += ranks.fixed;
  ranks.minus += ranks.fixed;
  const auto n = static_cast<double>(ranks.count), zeros = zero_method == "pratt" ? static_cast<double>(ranks.zeros) : 0.0;
  ranks.mean = (n * (n + 1) - zeros * (zeros + 1)) / 4;
  ranks.se = std::sqrt((cubic(n) - cubic(zeros) - tie_correction / 2) / 24);
  return ranks;
}

/// Probability of each sum of a random subset of `parts`.
std::vector<double> subset_sum_distribution(const std::vector<int64_t>& parts) {
  std::vector<double> probability(static_cast<size_t>(std::accumulate(parts.begin(), parts.end(), int64_t{0})) + 1, 0.0);
  probability[0] = 1;
  size_t reach = 0;
  for (const int64_t part : parts) {
    reach += static_cast<size_t>(part);
    for (size_t sum = reach + 1; sum-- > 0;) {
      const double without = probability[sum];
      const double with = sum >= static_cast<size_t>(part) ? probability[sum - static_cast<size_t>(part)] : 0;
      probability[sum] = (without + with) / 2;
    }
  }
  return probability;
}

/// p from P(sum <= at_most) and P(sum >= at_least): equal unless the statistic lies between two possible sums.
double exact_p(const std::vector<double>& probability, int64_t at_most, int64_t at_least, const std::string& alternative) {
  const auto size = static_cast<int64_t>(probability.size());
  const auto begin = probability.begin();
  const double less = std::accumulate(begin, begin + std::clamp<int64_t>(at_most + 1, 0, size), 0.0);
  const double greater = std::accumulate(begin + std::clamp<int64_t>(at_least, 0, size), probability.end(), 0.0);
  if (alternative == "less") return std::min(less, 1.0);
  if (alternative == "greater") return std::min(greater, 1.0);
  return std::min(2 * std::min(less, greater), 1.0);
}

/// The tabulated distribution of untied ranks; statistics between integers are rounded to the conservative side.
double p_untied(const SignedRanks& ranks, const std::string& alternative) {
  std::vector<int64_t> parts(ranks.count);
  std::iota(parts.begin(), parts.end(), 1);
  const auto at_most = static_cast<int64_t>(std::ceil(ranks.plus)), at_least = static_cast<int64_t>(std::floor(ranks.plus));
  return exact_p(subset_sum_distribution(parts), at_most, at_least, alternative);
}

/// All sign patterns of the ranks at hand, ties and zeros included.
double p_of_patterns(const SignedRanks& ranks, const std::string& alternative) {
  const int64_t observed = std::lround(2 * (ranks.plus - ranks.fixed));
  return exact_p(subset_sum_distribution(ranks.doubled), observed, observed, alternative);
}

double p_asymptotic(const SignedRanks& ranks, const WilcoxonOptions& options) {
  double z = (ranks.plus - ranks.mean) / ranks.se;
  if (options.correction) {
    const double sign = options.alternative == "greater" ? 1 : options.alternative == "less" ? -1 : (z > 0) - (z < 0);
    z -= sign * 0.5 / ranks.se;
  }
  return p_of(z, options.alternative, normal_cdf);
}

std::vector<size_t> ascending_order(std::span<const double> p) {
  std::vector<size_t> order(p.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return p[a] < p[b]; });
  return order;
}

Interval wilson(double share, double n, double z) {
  const double denominator = 1 + z * z / n;
  const double centre = (share + z * z / (2 * n)) / denominator;
  const double half = z * std::sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / denominator;
  return {centre - half, centre + half};
}

Interval clopper_pearson(double k, double n, double alpha) {
  return {k == 0 ? 0 : beta_quantile(alpha / 2, k, n - k + 1), k == n ? 1 : beta_quantile(1 - alpha / 2, k + 1, n - k)};
}

Interval symmetric(double share, double n, double z) {
  const double half = z * std::sqrt(share * (1 - share) / n);
  return {share - half, share + half};
}

}  // namespace

double mean(std::span<const double> values) {
  if (values.empty()) return kNaN;
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double standard_deviation(std::span<const double> values) {
  if (values.size() < 2) return kNaN;
  const double centre = mean(values);
  double squares = 0;
  for (const double value : values) squares += (value - centre) * (value - centre);
  return std::sqrt(squares / static_cast<double>(values.size() - 1));
}

double median(std::span<const double> values) { return quantile(values, 0.5); }

double quantile(std::span<const double> values, double q) {
  LARMOR_ASSERT(q >= 0 && q <= 1);
  if (values.empty()) return kNaN;
  std::vector<double> sorted(values.begin(), values.end());
  std::sort(sorted.begin(), sorted.end());
  return interpolate(sorted, q);
}

double spearman(std::span<const double> x, std::span<const double> y) {
  LARMOR_ASSERT(x.size() == y.size());
  constexpr size_t kFewest = 3;
  if (x.size() < kFewest) return kNaN;
  const std::vector<double> a = ranks_of(x), b = ranks_of(y);
  const double middle = 0.5 * static_cast<double>(x.size() + 1);
  double both = 0, alone_a = 0, alone_b = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    both += (a[i] - middle) * (b[i] - middle);
    alone_a += (a[i] - middle) * (a[i] - middle);
    alone_b += (b[i] - middle) * (b[i] - middle);
  }
  return alone_a == 0 || alone_b == 0 ? kNaN : both / std::sqrt(alone_a * alone_b);
}

Interval bootstrap(int64_t cases, const std::function<double(std::span<const int64_t>)>& statistic, double confidence, int64_t resamples,
                   uint64_t seed) {
  LARMOR_ASSERT(confidence > 0 && confidence < 1);
  if (cases < kFewestForBootstrap) return {kNaN, kNaN};
  Random random(RandomKey(seed).with("bootstrap"));
  std::vector<int64_t> drawn(static_cast<size_t>(cases));
  std::vector<double> found;
  for (int64_t i = 0; i < resamples; ++i) {
    for (int64_t& one : drawn) one = random.integer(cases);
    const double value = statistic(drawn);
    if (!std::isnan(value)) found.push_back(value);
  }
  if (found.empty()) return {kNaN, kNaN};
  std::sort(found.begin(), found.end());
  return {interpolate(found, (1 - confidence) / 2), interpolate(found, (1 + confidence) / 2)};
}

Interval bootstrap_mean(std::span<const double> values, double confidence, int64_t resamples, uint64_t seed) {
  const auto mean_of = [&](std::span<const int64_t> drawn) {
    double sum = 0;
    for (const int64_t i : drawn) sum += values[static_cast<size_t>(i)];
    return sum / static_cast<double>(drawn.size());
  };
  return bootstrap(static_cast<int64_t>(values.size()), mean_of, confidence, resamples, seed);
}

Interval t_interval(std::span<const double> values, double confidence) {
  if (values.size() < 2) return {kNaN, kNaN};
  const auto n = static_cast<double>(values.size());
  const double half = student_t_quantile((1 + confidence) / 2, n - 1) * standard_deviation(values) / std::sqrt(n);
  return {mean(values) - half, mean(values) + half};
}

TestResult wilcoxon(std::span<const double> x, std::span<const double> y, const WilcoxonOptions& options) {
  require_known("zero_method", options.zero_method, {"wilcox", "pratt", "zsplit"});
  require_known("method", options.method, {"auto", "exact", "asymptotic"});
  require_known("alternative", options.alternative, {"two-sided", "less", "greater"});
  const SignedRanks ranks = rank_signed(differences(x, y), options.zero_method);
  const double statistic = options.alternative == "two-sided" ? std::min(ranks.plus, ranks.minus) : ranks.plus;
  if (ranks.doubled.empty()) return {statistic, 1};
  if (options.method == "exact") return {statistic, p_untied(ranks, options.alternative)};
  if (options.method == "auto" && x.size() <= kExactUpTo) {
    if (!ranks.has_ties && ranks.zeros == 0) return {statistic, p_untied(ranks, options.alternative)};
    if (x.size() <= kPatternsUpTo) return {statistic, p_of_patterns(ranks, options.alternative)};
  }
  return {statistic, p_asymptotic(ranks, options)};
}

TestResult paired_t(std::span<const double> x, std::span<const double> y, const std::string& alternative) {
  require_known("alternative", alternative, {"two-sided", "less", "greater"});
  if (x.size() < 2) return {kNaN, kNaN};
  const std::vector<double> d = differences(x, y);
  const auto n = static_cast<double>(d.size());
  const double t = mean(d) / (standard_deviation(d) / std::sqrt(n));
  return {t, p_of(t, alternative, [n](double value) { return student_t_cdf(value, n - 1); })};
}

double mcnemar_exact(int64_t only_first, int64_t only_second) {
  LARMOR_ASSERT(only_first >= 0 && only_second >= 0);
  return std::min(1.0, 2 * binomial_cdf(std::min(only_first, only_second), only_first + only_second, 0.5));
}

std::vector<double> adjust_p(std::span<const double> p, const std::string& method) {
  require_known("correction", method, {"holm", "bonferroni", "fdr_bh"});
  const std::vector<size_t> order = ascending_order(p);
  const auto n = static_cast<double>(p.size());
  std::vector<double> adjusted(p.size());
  double bound = 0;
  for (size_t i = 0; i < order.size() && method != "fdr_bh"; ++i) {
    const double scaled = p[order[i]] * (method == "holm" ? n - static_cast<double>(i) : n);
    bound = std::max(bound, scaled);
    adjusted[order[i]] = std::min(1.0, bound);
  }
  bound = 1;
  for (size_t i = order.size(); i-- > 0 && method == "fdr_bh";) {
    bound = std::min(bound, p[order[i]] * n / static_cast<double>(i + 1));
    adjusted[order[i]] = bound;
  }
  return adjusted;
}

Interval proportion_interval(int64_t successes, int64_t trials, double confidence, const std::string& method) {
  require_known("interval", method, {"wilson", "beta", "agresti_coull", "normal"});
  LARMOR_ASSERT(trials > 0 && successes >= 0 && successes <= trials && confidence > 0 && confidence < 1);
  const auto k = static_cast<double>(successes), n = static_cast<double>(trials);
  const double alpha = 1 - confidence, z = -normal_quantile(alpha / 2);
  Interval interval = symmetric(k / n, n, z);
  if (method == "wilson") interval = wilson(k / n, n, z);
  if (method == "beta") interval = clopper_pearson(k, n, alpha);
  if (method == "agresti_coull") interval = symmetric((k + z * z / 2) / (n + z * z), n + z * z, z);
  return {std::clamp(interval.low, 0.0, 1.0), std::clamp(interval.high, 0.0, 1.0)};
}

}  // namespace larmor::eval
