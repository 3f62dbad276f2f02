#include "eval/statistics.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>

#include "tests/eval/support.h"
#include "tests/support/golden.h"

namespace larmor::eval {
namespace {

using testing::expect_close;
using testing::GoldenCount;
using testing::number;
using Json = nlohmann::json;

constexpr double kTolerance = 1e-9;   // the file's own
constexpr double kPTolerance = 1e-8;  // of p-values

std::vector<double> values_of(const Json& list) {
  std::vector<double> values;
  for (const Json& item : list) values.push_back(number(item));
  return values;
}

bool is_one_of(const std::string& name, std::initializer_list<const char*> names) {
  return std::any_of(names.begin(), names.end(), [&](const char* other) { return name == other; });
}

/// Runs `check` on the file's list `section`; LARMOR_NEEDS where there is none.
#define EACH_GOLDEN(section, row)                                      \
  const auto golden_path = larmor::testing::golden_file("stats.json"); \
  LARMOR_NEEDS(golden_path, "stats.json");                             \
  const Json golden_json = testing::read_json(golden_path);            \
  GoldenCount count;                                                   \
  for (const Json& row : golden_json[(section)]) /* NOLINT(bugprone-macro-parentheses): a declaration */

TEST(StatisticsGolden, ProportionIntervals) {
  EACH_GOLDEN("proportion_ci", row) {
    const std::string method = row["method"], name = row.dump();
    if (!is_one_of(method, {"wilson", "beta", "agresti_coull", "normal"})) {
      count.skip("proportion_ci." + method);
      continue;
    }
    const Interval interval = proportion_interval(row["k"], row["n"], 1 - number(row["alpha"]), method);
    EXPECT_NEAR(interval.low, number(row["ci"][0]), kTolerance * number(row["ci"][0]) + 1e-12) << name;
    EXPECT_NEAR(interval.high, number(row["ci"][1]), kTolerance) << name;
    ++count.run;
  }
}

TEST(StatisticsGolden, Wilcoxon) {
  EACH_GOLDEN("wilcoxon", row) {
    const std::string name = row["name"];
    const std::vector<double> x = values_of(row["x"]), y = values_of(row["y"]);
    for (const Json& result : row["results"]) {
      const std::string method = result["method"];
      WilcoxonOptions options{result["zero_method"], method, result["alternative"]};
      options.correction = method == "asymptotic_corrected";
      if (options.correction) options.method = "asymptotic";
      const TestResult found = wilcoxon(x, y, options);
      const std::string what = name + " " + options.zero_method + " " + method + " " + options.alternative;
      expect_close(found.statistic, number(result["statistic"]), kTolerance, what);
      expect_close(found.p, number(result["p"]), kPTolerance, what);
      ++count.run;
    }
    const TestResult found = wilcoxon(x, y);
    expect_close(found.statistic, number(row["auto"]["statistic"]), kTolerance, name + " auto");
    expect_close(found.p, number(row["auto"]["p"]), kPTolerance, name + " auto");
    ++count.run;
  }
}

TEST(StatisticsGolden, PairedT) {
  EACH_GOLDEN("paired_t", row) {
    const std::string name = row["name"];
    const std::vector<double> x = values_of(row["x"]), y = values_of(row["y"]);
    std::vector<double> d(x.size());
    std::transform(x.begin(), x.end(), y.begin(), d.begin(), std::minus<>());
    const TestResult found = paired_t(x, y);
    expect_close(found.statistic, number(row["t"]), kTolerance, name);
    expect_close(found.p, number(row["p"]), kPTolerance, name);
    expect_close(paired_t(x, y, "less").p, number(row["p_less"]), kPTolerance, name + " less");
    expect_close(mean(d), number(row["mean_difference"]), kTolerance, name);
    expect_close(standard_deviation(d), number(row["sd_difference"]), kTolerance, name);
    expect_close(t_interval(d).low, number(row["ci95"][0]), kTolerance, name);
    expect_close(t_interval(d).high, number(row["ci95"][1]), kTolerance, name);
    count.skip("paired_t." + name + ".cohen_dz");
    ++count.run;
  }
}

TEST(StatisticsGolden, Description) {
  EACH_GOLDEN("describe", row) {
    const std::string name = row["name"];
    const std::vector<double> x = values_of(row["x"]);
    expect_close(mean(x), number(row["mean"]), kTolerance, name);
    expect_close(standard_deviation(x), number(row["sd_ddof1"]), kTolerance, name);
    expect_close(median(x), number(row["median"]), kTolerance, name);
    for (const auto& [q, expected] : row["quantiles_linear"].items())
      expect_close(quantile(x, std::stod(q)), number(expected), kTolerance, name + q);
    expect_close(t_interval(x).low, number(row["mean_t_ci95"][0]), kTolerance, name);
    expect_close(t_interval(x).high, number(row["mean_t_ci95"][1]), kTolerance, name);
    ++count.run;
  }
}

TEST(StatisticsGolden, MultipleComparisons) {
  EACH_GOLDEN("multiple", row) {
    const std::vector<double> p = values_of(row["p"]);
    for (const auto& [method, expected] : row.items()) {
      if (method == "p") continue;
      if (!is_one_of(method, {"holm", "fdr_bh", "bonferroni"})) {
        count.skip("multiple." + method);
        continue;
      }
      const std::vector<double> adjusted = adjust_p(p, method);
      for (size_t i = 0; i < p.size(); ++i) {
        expect_close(adjusted[i], number(expected["adjusted"][i]), kPTolerance, method);
        EXPECT_EQ(adjusted[i] <= 0.05, expected["reject_0.05"][i].get<bool>()) << method << " " << i;
      }
      ++count.run;
    }
  }
}

TEST(StatisticsGolden, McNemar) {
  EACH_GOLDEN("mcnemar", row) {
    expect_close(mcnemar_exact(row["table"][0][1], row["table"][1][0]), number(row["exact_p"]), kPTolerance, row.dump());
    count.skip("mcnemar.chi2");
    ++count.run;
  }
}

TEST(StatisticsGolden, RestIsNamed) {
  const auto file = larmor::testing::golden_file("stats.json");
  LARMOR_NEEDS(file, "stats.json");
  const Json golden = testing::read_json(file);
  GoldenCount count;
  for (const auto& [section, content] : golden.items()) {
    if (!content.is_array() && !content.is_object()) continue;
    if (is_one_of(section, {"proportion_ci", "wilcoxon", "paired_t", "describe", "multiple", "mcnemar"})) {
      ++count.run;
    } else if (section != "versions") {
      count.skip(section);
    }
  }
}

TEST(Statistics, FewValues) {
  EXPECT_TRUE(std::isnan(mean({})));
  EXPECT_TRUE(std::isnan(median({})));
  const std::vector<double> one = {0.5};
  EXPECT_EQ(mean(one), 0.5);
  EXPECT_EQ(quantile(one, 0.975), 0.5);
  EXPECT_TRUE(std::isnan(standard_deviation(one)));
  EXPECT_TRUE(std::isnan(t_interval(one).low));
  EXPECT_TRUE(std::isnan(bootstrap_mean(one).low));
  EXPECT_TRUE(std::isnan(paired_t(one, one).p));
}

TEST(Statistics, SpearmanByHand) {
  const std::vector<double> x = {1, 2, 3, 4, 5}, ties = {1, 2, 2, 3, 3};
  EXPECT_NEAR(spearman(x, std::vector<double>{10, 20, 30, 40, 1000}), 1, 1e-15);
  EXPECT_NEAR(spearman(x, std::vector<double>{0, -1, -8, -9, -11}), -1, 1e-15);
  EXPECT_NEAR(spearman(x, std::vector<double>{5, 6, 7, 8, 7}), 0.8207826816681233, 1e-12);
  EXPECT_NEAR(spearman(x, ties), 9 / std::sqrt(10 * 9.0), 1e-12);
  EXPECT_TRUE(std::isnan(spearman(std::vector<double>{1, 2}, std::vector<double>{2, 1})));
  EXPECT_TRUE(std::isnan(spearman(x, std::vector<double>(5, 0.3))));
}

TEST(Statistics, NoDifferenceIsNoEvidence) {
  const std::vector<double> same = {0.1, 0.5, 0.9};
  for (const char* zero_method : {"wilcox", "pratt", "zsplit"}) {
    for (const char* method : {"auto", "exact", "asymptotic"})
      EXPECT_EQ(wilcoxon(same, same, {zero_method, method}).p, 1) << zero_method << method;
  }
  EXPECT_EQ(wilcoxon({}, {}).p, 1);
  EXPECT_TRUE(std::isnan(paired_t(same, same).p));
}

/// Three patients, all better: the smallest p that three pairs can give.
TEST(Statistics, SmallestPOfThreePairs) {
  const std::vector<double> better = {0.8, 0.9, 0.7}, worse = {0.7, 0.6, 0.65};
  EXPECT_DOUBLE_EQ(wilcoxon(better, worse).p, 0.25);
  EXPECT_DOUBLE_EQ(wilcoxon(better, worse, {"wilcox", "auto", "greater"}).p, 0.125);
  EXPECT_DOUBLE_EQ(wilcoxon(better, worse, {"wilcox", "auto", "less"}).p, 1);
}

/// With ties and few pairs `auto` enumerates all sign patterns.
TEST(Statistics, TiedPairsAreEnumerated) {
  const std::vector<double> x = {3, 1, -1, 2, 0, 2}, y(6, 0.0);
  const std::vector<double> ranks = {5, 1.5, -1.5, 3.5, 3.5};  // of the non-zero differences, with their signs
  double at_least = 0, patterns = 0;
  for (unsigned signs = 0; signs < 32; ++signs) {
    double plus = 0;
    for (size_t i = 0; i < ranks.size(); ++i) plus += (signs >> i) & 1 ? std::abs(ranks[i]) : 0;
    at_least += plus >= 13.5;
    patterns += 1;
  }
  EXPECT_DOUBLE_EQ(wilcoxon(x, y, {"wilcox", "auto", "greater"}).p, at_least / patterns);
  EXPECT_DOUBLE_EQ(wilcoxon(x, y).p, 2 * at_least / patterns);
}

TEST(Statistics, BootstrapRepeatsBySeed) {
  const std::vector<double> values = {0.71, 0.86, 0.93, 0.42, 0.88};
  const Interval first = bootstrap_mean(values, 0.95, 2000, 7), again = bootstrap_mean(values, 0.95, 2000, 7),
                 other = bootstrap_mean(values, 0.95, 2000, 8);
  EXPECT_EQ(first.low, again.low);
  EXPECT_EQ(first.high, again.high);
  EXPECT_TRUE(first.low != other.low || first.high != other.high);
}

/// The bootstrap of a large sample agrees with the normal theory it approximates.
TEST(Statistics, BootstrapAgreesWithTheory) {
  std::vector<double> values;
  for (int i = 0; i < 400; ++i) values.push_back(std::sin(i * 12.9898) * 0.5 + 0.5);
  const Interval resampled = bootstrap_mean(values, 0.9, 4000), theory = t_interval(values, 0.9);
  EXPECT_NEAR(resampled.low, theory.low, 0.004);
  EXPECT_NEAR(resampled.high, theory.high, 0.004);
}

/// The 95 % of three cases would be their range, which looks like certainty.
TEST(Statistics, BootstrapNeedsFiveCases) {
  const std::vector<double> values = {0.1, 0.2, 0.3, 0.4, 0.5};
  EXPECT_TRUE(std::isnan(bootstrap_mean(std::span(values).first(4)).low));
  const Interval interval = bootstrap_mean(values);
  EXPECT_GT(interval.low, 0.1);
  EXPECT_LT(interval.high, 0.5);
}

TEST(Statistics, BootstrapLeavesOutUndefinedResamples) {
  const auto only_first = [](std::span<const int64_t> drawn) {
    return std::count(drawn.begin(), drawn.end(), 0) == 0 ? std::nan("") : 1.0;
  };
  const Interval interval = bootstrap(5, only_first, 0.95, 500);
  EXPECT_EQ(interval.low, 1);
  EXPECT_EQ(interval.high, 1);
  EXPECT_TRUE(std::isnan(bootstrap(
                             5, [](auto) { return std::nan(""); }, 0.95, 10)
                             .low));
}

std::vector<double> some_values(size_t least) {
  const auto size = *rc::gen::inRange<size_t>(least, 20);
  return *rc::gen::container<std::vector<double>>(size, rc::gen::map(rc::gen::inRange(0, 1000), [](int i) { return i / 1000.0; }));
}

RC_GTEST_PROP(StatisticsLaws, IntervalsHoldTheMean, ()) {
  const std::vector<double> values = some_values(kFewestForBootstrap);
  const Interval interval = bootstrap_mean(values, 0.99, 400);
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  RC_ASSERT(*low <= interval.low + 1e-12 && interval.low <= interval.high && interval.high <= *high + 1e-12);
  RC_ASSERT(t_interval(values).low <= mean(values) + 1e-12 && mean(values) <= t_interval(values).high + 1e-12);
}

RC_GTEST_PROP(StatisticsLaws, WilcoxonMirrors, ()) {
  const std::vector<double> x = some_values(1);
  std::vector<double> y = x;
  for (double& value : y) value += (*rc::gen::inRange(-5, 6)) / 10.0;
  for (const char* zero_method : {"wilcox", "pratt", "zsplit"}) {
    const TestResult less = wilcoxon(x, y, {zero_method, "auto", "less"}), greater = wilcoxon(y, x, {zero_method, "auto", "greater"});
    RC_ASSERT(std::abs(less.p - greater.p) < 1e-9);
    RC_ASSERT(wilcoxon(x, y, {zero_method}).p == wilcoxon(y, x, {zero_method}).p ||
              std::abs(wilcoxon(x, y, {zero_method}).p - wilcoxon(y, x, {zero_method}).p) < 1e-9);
    RC_ASSERT(less.p >= 0 && less.p <= 1);
  }
}

RC_GTEST_PROP(StatisticsLaws, CorrectionsOnlyRaiseP, ()) {
  const std::vector<double> p = some_values(1);
  const std::vector<double> bonferroni = adjust_p(p, "bonferroni"), holm = adjust_p(p, "holm"), fdr = adjust_p(p, "fdr_bh");
  for (size_t i = 0; i < p.size(); ++i) {
    RC_ASSERT(p[i] <= fdr[i] + 1e-15 && fdr[i] <= holm[i] + 1e-12 && holm[i] <= bonferroni[i] + 1e-15 && bonferroni[i] <= 1);
  }
}

TEST(StatisticsErrors, WholeMessages) {
  const std::vector<double> x = {1, 2}, y = {2, 4};
  EXPECT_EQ(testing::message_of([&] { wilcoxon(x, y, {"prat"}); }), "unknown zero_method 'prat'; nearest: 'pratt'");
  EXPECT_EQ(testing::message_of([&] { wilcoxon(x, y, {"pratt", "exakt"}); }), "unknown method 'exakt'; nearest: 'exact'");
  EXPECT_EQ(testing::message_of([&] { paired_t(x, y, "lesser"); }), "unknown alternative 'lesser'; nearest: 'less'");
  EXPECT_EQ(testing::message_of([&] { adjust_p(x, "hom"); }), "unknown correction 'hom'; nearest: 'holm'");
  EXPECT_EQ(testing::message_of([] { proportion_interval(1, 2, 0.95, "willson"); }), "unknown interval 'willson'; nearest: 'wilson'");
}

}  // namespace
}  // namespace larmor::eval
