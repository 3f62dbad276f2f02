#include "eval/groups.h"

#include <gtest/gtest.h>

#include <map>

#include "tests/eval/support.h"

namespace larmor::eval {
namespace {

using testing::message_of;
using testing::TypedSource;

using Types = std::map<std::string, std::string>;

Evaluation evaluation_of(const std::vector<std::vector<std::string>>& rows) {
  Evaluation evaluation;
  evaluation.patients.header = {"patient", "dice", "missed", "hd95_mm", "surfaces"};
  evaluation.patients.rows = rows;
  return evaluation;
}

TEST(Groups, MeansCountsAndMissesOfEachGroup) {
  const TypedSource source(Types{{"a", "neurinoma"}, {"b", "glioblastoma"}, {"c", "neurinoma"}, {"d", "-"}, {"unused", "astrocytoma"}});
  const auto scores = score_groups(
      evaluation_of(
          {{"a", "0.5", "0", "4", "both"}, {"b", "0.75", "0", "2", "both"}, {"c", "0", "1", "10", "one"}, {"d", "1", "0", "0", "none"}}),
      source, "tumour_type", 100);
  ASSERT_EQ(scores.size(), 3U);
  EXPECT_EQ(scores[0].group, "");
  EXPECT_EQ(scores[1].group, "glioblastoma");
  EXPECT_EQ(scores[2].group, "neurinoma");
  ASSERT_EQ(scores[2].metrics.size(), 2U);
  EXPECT_EQ(scores[2].metrics[0].name, "dice_patients");
  EXPECT_EQ(scores[2].metrics[0].value, 0.25);
  EXPECT_EQ(scores[2].metrics[0].count, 2);
  EXPECT_EQ(scores[2].metrics[0].missed, 1);
  EXPECT_TRUE(std::isnan(scores[2].metrics[0].low));  // of two patients there is no interval
  EXPECT_EQ(scores[2].metrics[1].name, "hd95_patients");
  EXPECT_EQ(scores[2].metrics[1].unit, "mm");
  EXPECT_EQ(scores[2].metrics[1].value, 7);
  EXPECT_EQ(scores[2].metrics[1].one_empty, 1);  // 10 is the diagonal of c's volume
  EXPECT_EQ(scores[0].metrics[1].one_empty, 0);
  EXPECT_EQ(scores[1].metrics[1].one_empty, 0);
}

TEST(Groups, ResamplesAreThoseOfTheTask) {
  Types types;
  std::vector<std::vector<std::string>> rows;
  for (const char* patient : {"a", "b", "c", "d", "e", "f"}) {
    types[patient] = "same";
    rows.push_back({patient, csv_number(static_cast<double>(rows.size()) / 10), "0", "1", "both"});
  }
  const Metric once = score_groups(evaluation_of(rows), TypedSource(types), "tumour_type", 1)[0].metrics[0];
  EXPECT_EQ(once.low, once.high);  // one draw has no width
  const Metric often = score_groups(evaluation_of(rows), TypedSource(types), "tumour_type", 1000)[0].metrics[0];
  EXPECT_LT(often.low, often.high);
}

TEST(Groups, ClassesOfAPatientAreAveraged) {
  const TypedSource source(Types{{"a", "1"}});
  const auto scores =
      score_groups(evaluation_of({{"a", "0.5", "0", "4", "both"}, {"a", "0", "1", "8", "one"}}), source, "tumour_type", 100);
  EXPECT_EQ(scores[0].metrics[0].value, 0.25);
  EXPECT_EQ(scores[0].metrics[0].count, 1);
  EXPECT_EQ(scores[0].metrics[0].missed, 1);
  EXPECT_EQ(scores[0].metrics[1].one_empty, 1);
}

TEST(Groups, NumbersStandInTheirOrder) {
  const TypedSource source(Types{{"a", "10"}, {"b", "9"}, {"c", "x"}, {"d", "2.5"}});
  std::vector<std::string> names;
  const auto evaluation = evaluation_of(
      {{"a", "1", "0", "0", "both"}, {"b", "1", "0", "0", "both"}, {"c", "1", "0", "0", "both"}, {"d", "1", "0", "0", "both"}});
  for (const GroupScore& score : score_groups(evaluation, source, "tumour_type", 100)) names.push_back(score.group);
  EXPECT_EQ(names, (std::vector<std::string>{"2.5", "9", "10", "x"}));
}

TEST(GroupsError, UnknownColumn) {
  const TypedSource source(Types{{"a", "1"}}), bare(Types{{"a", "-"}});
  EXPECT_EQ(message_of([&] { score_groups(evaluation_of({}), source, "tumor_type", 100); }),
            "--group-by: unknown column 'tumor_type'; nearest: 'tumour_type'");
  EXPECT_EQ(message_of([&] { score_groups(evaluation_of({}), bare, "grade", 100); }),
            "--group-by grade: this source knows no metadata of its patients");
}

}  // namespace
}  // namespace larmor::eval
