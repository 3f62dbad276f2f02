#include "report/table_distances.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "report/table.h"

namespace larmor::report {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

MetricRecord metric_of(const std::string& name, double value, int64_t count, const std::string& unit, int64_t one_empty) {
  return {.name = name, .value = value, .low = kNone, .high = kNone, .count = count, .missed = 0, .unit = unit, .one_empty = one_empty};
}

EvaluationRecord evaluation_of(double hd95, double nsd, int64_t count, int64_t one_empty) {
  return {.tta = "none",
          .merge = "mean",
          .merge_of = "probabilities",
          .seconds = 1,
          .metrics = {metric_of("dice_patients", 0.5, count, "", 0), metric_of("hd95_patients", hd95, count, "mm", one_empty),
                      metric_of("nsd_2_patients", nsd, count, "mm", one_empty)}};
}

TEST(TableDistances, LabelsHaveUnitAndClass) {
  EXPECT_EQ(distance_label("hd95_patients", "mm"), "HD95 (mm)");
  EXPECT_EQ(distance_label("assd_patients", "px"), "ASSD (px)");
  EXPECT_EQ(distance_label("nsd_1.5_patients", "mm"), "NSD at 1.5 mm");
  EXPECT_EQ(distance_label("hd95_patients_2", "mm"), "HD95 (mm), class 2");
  EXPECT_EQ(distance_label("nsd_1_patients_3", "px"), "NSD at 1 px, class 3");
}

TEST(TableDistances, FoldsCountByTheirPatients) {
  const EvaluationRecord first = evaluation_of(10, 0.5, 3, 1), second = evaluation_of(4, 0.8, 1, 0), other = evaluation_of(6, 0.7, 4, 0);
  const std::vector<DistanceResult> distances = summarise_distances({{&first, &second}, {&other}});
  ASSERT_EQ(distances.size(), 2u);
  EXPECT_EQ(distances[0].name, "hd95_patients");
  ASSERT_EQ(distances[0].seeds.size(), 2u);
  EXPECT_DOUBLE_EQ(distances[0].seeds[0], 8.5);  // (3 * 10 + 4) / 4
  EXPECT_DOUBLE_EQ(distances[0].mean, 7.25);
  EXPECT_DOUBLE_EQ(distances[0].sd, 2.5 / std::sqrt(2.0));
  EXPECT_EQ(distances[0].count, 8);
  EXPECT_EQ(distances[0].one_empty, 1);
  EXPECT_DOUBLE_EQ(distances[1].seeds[0], 0.575);
}

TEST(TableDistances, AnEvaluationWithoutThemLeavesItsSeedOut) {
  const EvaluationRecord full = evaluation_of(10, 0.5, 3, 0);
  EvaluationRecord bare = full, pixels = full;
  bare.metrics.resize(1);
  pixels.metrics[1].unit = "px";
  EXPECT_EQ(summarise_distances({{&full}, {&bare}})[0].seeds.size(), 1u);
  EXPECT_EQ(summarise_distances({{&full}, {&full, &pixels}})[0].seeds.size(), 1u);
  EXPECT_TRUE(summarise_distances({{&bare}}).empty());
  EXPECT_TRUE(summarise_distances({}).empty());
}

TEST(TableDistances, RowsWithoutThemShowNothing) {
  TableResult table;
  table.spec.rows = {{.name = "adam"}, {.name = "ralamb"}};
  table.rows.resize(2);
  EXPECT_FALSE(has_distances(table));
  table.rows[1].distances = {{"hd95_patients", "mm", {8, 9}, 8.5, 0.7071, 6, 2}, {"nsd_2_patients", "mm", {0.5}, 0.5, kNone, 3, 0}};
  ASSERT_TRUE(has_distances(table));
  const Table shown = describe_distances(table);
  std::vector<std::string> texts;
  for (const auto& row : shown.rows) {
    for (const Cell& cell : row) texts.push_back(cell.text);
  }
  EXPECT_EQ(texts, (std::vector<std::string>{"adam", "–", "–", "–", "ralamb", "8.50 ± 0.71", ".500", "2 of 6, 0 of 3"}));
  EXPECT_EQ(to_csv(to_distances_csv(table)),
            "row,metric,unit,seeds,mean,sd,cases,one_empty\n"
            "ralamb,hd95_patients,mm,2,8.5,0.7071,6,2\n"
            "ralamb,nsd_2_patients,mm,1,0.5,,3,0\n");
}

}  // namespace
}  // namespace larmor::report
