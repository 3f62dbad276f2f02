#include "eval/case_label_scores.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <limits>

#include "eval/statistics.h"
#include "tests/eval/support.h"

namespace larmor::eval {
namespace {

using datasets::CaseKey;
using testing::message_of;
using testing::TypedSource;

CaseLabelOptions types() {
  CaseLabelOptions options;
  options.column = "tumour_type";
  options.classes = {"x", "y", "z"};
  return options;
}

const CaseKey kA1{"a", "1", 1}, kA2{"a", "1", 2}, kA3{"a", "2", 1}, kB1{"b", "", 1};

std::map<std::string, CaseAnswer> answers_of(const std::set<CaseKey>& with_lesion) {
  CaseLabelScorer scorer(types(), TypedSource({{"a", "y"}, {"b", "z"}}));
  scorer.add({kA1, kB1}, at::tensor({0.7, 0.2, 0.1, 0.1, 0.1, 0.8}).view({2, 3}));
  scorer.add({kA2, kA3}, at::tensor({0.1, 0.9, 0.0, 0.6, 0.3, 0.1}).view({2, 3}));
  return scorer.answers(with_lesion);
}

TEST(CaseLabelScores, MeanOverSlicesWithPredictedLesion) {
  const auto one = answers_of({kA2, kB1});
  EXPECT_EQ(one.at("a").truth, 1);
  EXPECT_EQ(one.at("a").predicted, 1);
  EXPECT_NEAR(one.at("a").probability, 0.9, 1e-6);
  EXPECT_EQ(one.at("b").predicted, 2);
  // Sessions of a patient are one.
  const auto two = answers_of({kA1, kA3});
  EXPECT_EQ(two.at("a").predicted, 0);
  EXPECT_NEAR(two.at("a").probability, (0.7 + 0.6) / 2, 1e-6);
}

TEST(CaseLabelScores, AllSlicesWhereNothingIsPredicted) {
  const auto answers = answers_of({kB1});
  EXPECT_EQ(answers.at("a").predicted, 1);
  EXPECT_NEAR(answers.at("a").probability, (0.2 + 0.9 + 0.3) / 3, 1e-6);
}

/// x: two of three right; y: never; z: does not occur.
std::map<std::string, CaseAnswer> four_answers() {
  return {{"a", {0, 0, 0.9}}, {"b", {0, 0, 0.8}}, {"c", {0, 1, 0.5}}, {"d", {1, 0, 0.6}}};
}

TEST(CaseLabelScores, Accuracies) {
  const std::vector<Metric> metrics = case_label_metrics(four_answers(), types().classes, 100);
  std::vector<std::string> names;
  for (const Metric& metric : metrics) names.push_back(metric.name);
  EXPECT_EQ(names, case_label_metric_names());
  const Interval wilson = proportion_interval(2, 4);
  EXPECT_DOUBLE_EQ(metrics[0].value, 0.5);
  EXPECT_DOUBLE_EQ(metrics[0].low, wilson.low);
  EXPECT_DOUBLE_EQ(metrics[0].high, wilson.high);
  EXPECT_EQ(metrics[0].count, 4);
  EXPECT_DOUBLE_EQ(metrics[1].value, (2.0 / 3 + 0) / 2);
  EXPECT_TRUE(std::isnan(metrics[1].low)) << "too few patients for a bootstrap";
  EXPECT_TRUE(std::isnan(case_label_metrics({}, types().classes, 100)[0].value));
}

TEST(CaseLabelScores, TableOfClasses) {
  const Confusion confusion = confusion_of(four_answers(), types().classes);
  EXPECT_EQ(to_csv(confusion_table(confusion)),
            "type_true,x,y,z,patients,sensitivity\n"
            "x,2,1,0,3,0.6666666666666666\n"
            "y,1,0,0,1,0\n"
            "z,0,0,0,0,\n");
  // What a table of metadata holds cannot steer the terminal.
  const std::vector<std::string> names = {"x", "\x1b[2J", "z"};
  EXPECT_EQ(case_label_text(case_label_metrics(four_answers(), names, 10), confusion_of(four_answers(), names)),
            "  type: accuracy                         0.5000   [0.150, 0.850]       4 patients     2 wrong\n"
            "  type: balanced accuracy                0.3333   –                    4 patients \n"
            "\n"
            "  type: true, predicted →                x         \\x1b[2J               z     sensitivity\n"
            "  x                                      2               1               0          0.6667\n"
            "  \\x1b[2J                                1               0               0          0.0000\n"
            "  z                                      0               0               0               –\n");
  EXPECT_EQ(case_label_text({}, {}), "");
}

TEST(CaseLabelScoresErrors, NotFinite) {
  CaseLabelScorer scorer(types(), TypedSource(std::map<std::string, std::string>{{"a", "y"}}));
  const at::Tensor probabilities = at::full({1, 3}, std::numeric_limits<double>::quiet_NaN());
  EXPECT_EQ(message_of([&] { scorer.add({kA1}, probabilities); }),
            "a/1:1: the second head's output is not finite: its weights have diverged, or the input holds NaN");
}

RC_GTEST_PROP(CaseLabelScores, TheTableHoldsEveryPatientOnce, ()) {
  std::map<std::string, CaseAnswer> answers;
  const int patients = *rc::gen::inRange(1, 12);
  int64_t right = 0;
  for (int i = 0; i < patients; ++i) {
    const CaseAnswer answer{*rc::gen::inRange<int64_t>(0, 3), *rc::gen::inRange<int64_t>(0, 3), 0.5};
    right += answer.truth == answer.predicted;
    answers[std::to_string(i)] = answer;
  }
  const Confusion confusion = confusion_of(answers, types().classes);
  int64_t all = 0, diagonal = 0;
  for (size_t i = 0; i < 3; ++i) {
    for (size_t k = 0; k < 3; ++k) all += confusion.counts[i][k];
    diagonal += confusion.counts[i][i];
  }
  RC_ASSERT((all == patients && diagonal == right));
  const std::vector<Metric> metrics = case_label_metrics(answers, types().classes, 10);
  double sum = 0;
  int occurring = 0;
  for (size_t k = 0; k < 3; ++k) {
    const double sensitivity = sensitivity_of(confusion, k);
    if (std::isnan(sensitivity)) continue;
    sum += sensitivity;
    ++occurring;
  }
  RC_ASSERT(std::abs(metrics[1].value - sum / occurring) < 1e-12);
}

}  // namespace
}  // namespace larmor::eval
