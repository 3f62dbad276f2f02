#include "report/table_patients.h"

#include <gtest/gtest.h>

#include "report/table_output.h"
#include "tests/report/support.h"

namespace larmor::report {
namespace {

using testing::contains;

TableResult two_of_three() {
  TableResult table;
  table.spec.title = "T";
  table.spec.reference = "unet";
  table.spec.published_columns = {"mean"};
  table.spec.published_same_data = true;
  table.spec.published_patients = {{"A", 0.8}, {"B", 0.9}, {"C", 0.7}};
  table.spec.published_band = {0.74, 0.76};
  table.spec.rows = {{"unet", "a.yaml", {}, {{"mean", 0.8}}}};
  table.rows = {{.seeds = {0.75}, .patients = {{"A", 0.7}, {"B", 0.85}, {"X", 0.2}}, .mean = 0.75, .interval = {0.7, 0.8}}};
  table.runs = table.runs_counted = 1;
  table.patients = 3;
  table.source = "lgg";
  table.split = "validation";
  return table;
}

TEST(TablePatients, StandBesideThePrintedOnes) {
  EXPECT_EQ(to_csv(to_patients_csv(two_of_three())), "patient,published,unet\nB,0.9,0.85\nA,0.8,0.7\nC,0.7,\nX,,0.2\n");
  const Table shown = describe_patients(two_of_three());
  ASSERT_EQ(shown.rows.size(), 4u);
  EXPECT_EQ(shown.rows[0][0].text, "B");
  EXPECT_EQ(shown.rows[0][1].text, ".900");
  EXPECT_EQ(shown.rows[2][2].text, "–");
  EXPECT_TRUE(contains(to_text(two_of_three()), "patient  published  unet\nB             .900  .850\n"));
  EXPECT_TRUE(contains(to_html(describe_table(two_of_three())), "<td class=\"n\">.850</td>"));
}

TEST(TablePatients, ThereIsNoVerdictWithoutAllOfThem) {
  EXPECT_EQ(published_patients_here(two_of_three()), 2);
  EXPECT_EQ(describe_band(two_of_three()),
            "Acceptance band .740 to .760 of the mean over the 3 published patients: unet .775 over 2 of its 3 patients: no verdict.");
  EXPECT_TRUE(contains(to_text(two_of_three()), "NOT all data of the published values: 2 of its 3 patients"));
}

TEST(TablePatients, TheVerdictIsOverThePrintedPatients) {
  TableResult table = two_of_three();
  table.rows[0].patients["C"] = 0.7;  // with X the mean would be .6125
  EXPECT_EQ(describe_band(table), "Acceptance band .740 to .760 of the mean over the 3 published patients: unet .750: inside.");
  table.rows[0].patients["C"] = 0.6;
  EXPECT_EQ(describe_band(table), "Acceptance band .740 to .760 of the mean over the 3 published patients: unet .717: OUTSIDE.");
  table.rows[0].patients = {{"X", 0.5}};
  EXPECT_EQ(describe_band(table),
            "Acceptance band .740 to .760 of the mean over the 3 published patients: unet none of its patients is here.");
}

TEST(TablePatients, TablesWithoutThemAreAsBefore) {
  TableResult table = two_of_three();
  table.spec.published_patients.clear();
  table.spec.published_band = {0, 0};
  EXPECT_EQ(describe_band(table), "");
  EXPECT_FALSE(contains(to_text(table), "patient  published"));
}

}  // namespace
}  // namespace larmor::report
