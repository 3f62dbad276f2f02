#include "report/table.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/report/support.h"
#include "tests/support/golden.h"

namespace larmor::report {
namespace {

namespace fs = std::filesystem;
using testing::error_of;
using testing::FakeRun;
using testing::write_fake_run;
using testing::write_text;

class TableTest : public ::testing::Test {
 protected:
  TableSpec spec(int64_t seeds = 2) const {
    TableSpec made;
    made.name = "made-up";
    made.title = "Made up";
    made.reference = "adam";
    made.seeds = seeds;
    made.rows = {{"adam", "a.yaml", {}, {}}, {"Ranger", "a.yaml", {"optim.name=ranger"}, {}}};
    return made;
  }
  std::vector<TableRun> plan(const TableSpec& made) const { return plan_runs(made, made.seeds, base_); }
  TableResult collect(const TableSpec& made) const { return collect_table(made, plan(made)); }

  const fs::path base_ = larmor::testing::make_temporary_folder("table");
};

TEST_F(TableTest, RunsHaveOneFolderEach) {
  const std::vector<TableRun> runs = plan_runs(spec(), 2, "runs");
  ASSERT_EQ(runs.size(), 4u);
  EXPECT_EQ(runs[0].folder, "runs/made-up/adam/seed-0");
  EXPECT_EQ(runs[3].folder, "runs/made-up/ranger/seed-1");
  EXPECT_EQ(runs[3].row, 1u);
  EXPECT_EQ(runs[3].seed, 1);
}

TEST_F(TableTest, RowNamesCannotLeaveTheFolder) {
  TableSpec made = spec(1);
  made.rows[0].name = "../../etc";
  made.rows[1].name = "SE-ResNeXt 50 / x";
  const std::vector<TableRun> runs = plan_runs(made, 1, "runs");
  EXPECT_EQ(runs[0].folder, "runs/made-up/row-..-..-etc/seed-0");
  EXPECT_EQ(runs[1].folder, "runs/made-up/se-resnext-50-x/seed-0");
}

TEST_F(TableTest, MeansAreOverSeedsIntervalsOverPatients) {
  const TableSpec made = spec();
  const auto runs = plan(made);
  write_fake_run(runs[0].folder, {.patients = {{"A", 0.8}, {"B", 0.6}, {"C", 0.7}}});
  write_fake_run(runs[1].folder, {.patients = {{"A", 0.6}, {"B", 0.4}, {"C", 0.8}}, .missed = 1});
  write_fake_run(runs[2].folder, {.patients = {{"A", 0.9}, {"B", 0.7}, {"C", 0.8}}});
  write_fake_run(runs[3].folder, {.patients = {{"A", 0.9}, {"B", 0.7}, {"C", 0.8}}});
  const TableResult table = collect(made);
  const RowResult &adam = table.rows[0], &ranger = table.rows[1];
  EXPECT_NEAR(adam.mean, 0.65, 1e-12);
  EXPECT_NEAR(adam.sd, std::sqrt(2 * 0.05 * 0.05), 1e-12);
  EXPECT_NEAR(adam.patients.at("A"), 0.7, 1e-12);
  EXPECT_NEAR(adam.patients.at("B"), 0.5, 1e-12);
  EXPECT_TRUE(std::isnan(adam.interval.low));  // of three patients
  EXPECT_EQ(adam.missed, 1);
  EXPECT_EQ(adam.missed_of, 6);
  EXPECT_FALSE(adam.comparison);
  ASSERT_TRUE(ranger.comparison);
  EXPECT_NEAR(ranger.comparison->difference, 0.15, 1e-12);
  EXPECT_EQ(ranger.comparison->patients, 3);
  EXPECT_EQ(ranger.sd, 0);
  EXPECT_EQ(table.patients, 3);
  EXPECT_EQ(table.runs_counted, 4);
  EXPECT_EQ(table.notes, std::vector<std::string>{"With 3 patients p cannot fall below 0.25."});
}

TEST_F(TableTest, PIsThePairedTestWithHolmsCorrection) {
  TableSpec made = spec(1);
  made.rows.push_back({"ralamb", "a.yaml", {}, {}});
  const auto runs = plan(made);
  std::map<std::string, double> low, high, higher;
  for (int i = 0; i < 7; ++i) {
    const std::string name = "P" + std::to_string(i);
    low[name] = 0.5 + 0.01 * i;
    high[name] = low[name] + 0.02 + 0.001 * i;
    higher[name] = low[name] + (i == 0 ? -0.001 : 0.03 + 0.002 * i);
  }
  write_fake_run(runs[0].folder, {.patients = low});
  write_fake_run(runs[1].folder, {.patients = high});
  write_fake_run(runs[2].folder, {.patients = higher});
  const TableResult table = collect(made);
  // All seven signs equal: p = 2 / 2^7. The smallest rank against the rest: p = 4 / 2^7.
  EXPECT_NEAR(table.rows[1].comparison->p, 2.0 / 128, 1e-12);
  EXPECT_NEAR(table.rows[2].comparison->p, 4.0 / 128, 1e-12);
  EXPECT_NEAR(table.rows[1].comparison->p_holm, 4.0 / 128, 1e-12);
  EXPECT_NEAR(table.rows[2].comparison->p_holm, 4.0 / 128, 1e-12);
  EXPECT_TRUE(table.notes.empty());
}

TEST_F(TableTest, EpochsToReachCountsThoseThatNeverDo) {
  TableSpec made = spec(3);
  made.reach = 0.55;
  const auto runs = plan(made);
  write_fake_run(runs[0].folder, {.curve = {0.1, 0.55, 0.2}});
  write_fake_run(runs[1].folder, {.curve = {0.1, 0.2, 0.3, 0.6}});
  write_fake_run(runs[2].folder, {.curve = {0.1, 0.5}});
  for (size_t i = 3; i < 6; ++i) write_fake_run(runs[i].folder, {.curve = {0.1}});
  const TableResult table = collect(made);
  EXPECT_EQ(table.rows[0].epochs_to_reach, 3);
  EXPECT_EQ(table.rows[0].reached, 2);
  EXPECT_EQ(table.rows[0].never, 1);
  EXPECT_TRUE(std::isnan(table.rows[1].epochs_to_reach));
  EXPECT_EQ(table.rows[1].never, 3);
}

TEST_F(TableTest, RunsThatDoNotCountAreNamed) {
  TableSpec made = spec(7);
  const auto runs = plan(made);
  write_fake_run(runs[0].folder, {});
  write_fake_run(runs[1].folder, {.is_finished = false});
  write_fake_run(runs[2].folder, {.is_evaluated = false});
  write_fake_run(runs[3].folder, {.tta = "d4"});
  write_fake_run(runs[4].folder, {});
  write_text(runs[4].folder / "evaluation.json", "torn");
  write_fake_run(runs[5].folder, {});
  fs::remove(runs[5].folder / "cases.csv");
  const TableResult table = collect(made);
  EXPECT_EQ(table.rows[0].seeds.size(), 1u);
  EXPECT_EQ(table.rows[0].problems,
            (std::vector<std::string>{"seed 1: unfinished after epoch 3", "seed 2: not evaluated", "seed 3: no evaluation with tta none",
                                      "seed 4: " + (runs[4].folder / "evaluation.json").string() + ": not JSON; run `larmor eval` again",
                                      "seed 5: cases.csv is missing", "seed 6: not run"}));
  EXPECT_TRUE(table.rows[1].seeds.empty());
  EXPECT_TRUE(std::isnan(table.rows[1].mean));
  EXPECT_FALSE(table.rows[1].comparison);
  EXPECT_EQ(table.runs, 14);
  EXPECT_EQ(table.runs_counted, 1);
}

TEST_F(TableTest, RunsThatDoNotFitTogetherAreNoted) {
  const TableSpec made = spec(1);
  const auto runs = plan(made);
  write_fake_run(runs[0].folder, {.patients = {{"A", 0.8}, {"B", 0.6}}});
  write_fake_run(runs[1].folder, {.patients = {{"B", 0.8}, {"C", 0.6}}, .is_phantom = true, .fingerprint = "other"});
  const TableResult table = collect(made);
  EXPECT_TRUE(table.is_phantom);
  EXPECT_EQ(table.patients, 3);
  EXPECT_EQ(table.rows[1].comparison->patients, 1);
  EXPECT_EQ(table.notes,
            (std::vector<std::string>{"The runs saw different data (their fingerprints differ).", "adam has 2 of the 3 patients.",
                                      "Ranger has 2 of the 3 patients.", "With 1 patient p cannot fall below 1."}));
}

TEST_F(TableTest, TheShippedTableCanBeRead) {
  const TableSpec made = read_table_spec(larmor::testing::source_dir() / "configs/tables/lgg-optimizers.yaml");
  EXPECT_EQ(made.name, "lgg-optimizers");
  EXPECT_EQ(made.seeds, 3);
  ASSERT_EQ(made.rows.size(), 4u);
  EXPECT_EQ(made.rows[3].published.at("test"), 0.927);
  EXPECT_EQ(made.rows[3].overrides, std::vector<std::string>{"optim.name=ralamb"});
  for (const TableRow& row : made.rows) EXPECT_TRUE(fs::exists(row.recipe)) << row.recipe;
  EXPECT_FALSE(made.published_same_data);
}

class TableSpecError : public TableTest {};

TEST_F(TableSpecError, TellsEveryMistakeAtOnce) {
  const fs::path file = base_ / "bad.yaml";
  write_text(file,
             "title: x\nmetrik: dice\nreference: adm\nseeds: 0\npublished: {columns: [val]}\nrows:\n  - {name: adam, recipe: a.yaml}\n"
             "  - {name: adam, recipe: a.yaml}\n  - {recipe: a.yaml, published: {test: 1}}\n  - {name: b}\n");
  const std::string at = file.string() + ":";
  EXPECT_EQ(error_of([&] { read_table_spec(file); }), at + "2: metrik: unknown key; nearest: 'metric'\n" +                           //
                                                          at + "4: seeds: 0 is not allowed; must be >= 1\n" +                        //
                                                          at + "8: rows.2.name: 'adam' stands twice\n" +                             //
                                                          at + "9: rows.3.name: missing; every row needs one\n" +                    //
                                                          at + "9: rows.3.published.test: not in published.columns: val\n" +         //
                                                          at + "10: rows.4.recipe: missing; name it here or once for the table\n" +  //
                                                          at + "3: reference: unknown row 'adm'; nearest: 'adam'");
  write_text(file, "title: x\n");
  EXPECT_EQ(error_of([&] { read_table_spec(file); }), file.string() + ": rows: must be a list of at least one row");
}

}  // namespace
}  // namespace larmor::report
