#include "report/table.h"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "core/files.h"
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
  std::vector<TableRun> plan(const TableSpec& made) const { return plan_table(made, made.seeds, base_).runs; }
  TableResult collect(const TableSpec& made) const { return collect_table(made, plan_table(made, made.seeds, base_)); }

  const fs::path base_ = larmor::testing::make_temporary_folder("table");
};

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

TEST_F(TableTest, PreparedSlicesAreKept) {
  const TableSpec made = spec(1);
  const auto runs = plan(made);
  write_fake_run(runs[0].folder, {.preprocess = "buda"});
  write_fake_run(runs[1].folder, {.preprocess = "buda"});
  EXPECT_EQ(collect(made).preprocess, "buda");
  EXPECT_EQ(collect(made).notes, std::vector<std::string>{"With 3 patients p cannot fall below 0.25."});
  write_fake_run(runs[1].folder, {});
  EXPECT_EQ(collect(made).notes.front(), "Some runs were scored on slices that were prepared in another way than others'.");
}

TEST_F(TableTest, FoldsAreOneSeedTogether) {
  TableSpec made = spec(2);
  made.folds = 2;
  const auto runs = plan(made);
  ASSERT_EQ(runs.size(), 8u);
  write_fake_run(runs[0].folder, {.curve = {0.2, 0.4}, .patients = {{"A", 0.8}, {"B", 0.6}}});
  write_fake_run(runs[1].folder, {.curve = {0.4, 0.8}, .patients = {{"C", 0.1}}, .missed = 1});
  write_fake_run(runs[2].folder, {.patients = {{"A", 0.8}, {"B", 0.6}}});  // seed 1 lacks its second fold
  const TableResult table = collect(made);
  ASSERT_EQ(table.rows[0].seeds.size(), 1u);
  EXPECT_NEAR(table.rows[0].mean, 0.5, 1e-12);  // over the three patients, not over the two folds
  EXPECT_EQ(table.rows[0].patients.size(), 3u);
  EXPECT_EQ(table.rows[0].missed, 1);
  EXPECT_EQ(table.rows[0].missed_of, 3);
  EXPECT_EQ(table.rows[0].curves.size(), 2u);
  EXPECT_EQ(table.rows[0].problems, std::vector<std::string>{"seed 1, fold 1: not run"});
  EXPECT_EQ(table.rows[1].problems.size(), 4u);
}

TEST_F(TableTest, FurtherEvaluationsStandBesideTheFirst) {
  TableSpec made = spec(1);
  made.sides = {"validation", "test"};
  made.rows[1] = {"adam TTA", "a.yaml", {}, {}, "adam", "d4"};
  const TablePlan plan = plan_table(made, 1, base_);
  ASSERT_EQ(plan.runs.size(), 1u);
  write_fake_run(plan.runs[0].folder, {.patients = {{"A", 0.8}, {"B", 0.6}}});
  const fs::path best = plan.runs[0].folder / "checkpoints/best.safetensors";
  fs::create_directories(best.parent_path());
  write_text(best, "weights");
  const auto with_checksum = [&](const fs::path& file) {
    nlohmann::json json = nlohmann::json::parse(read_file(file));
    json["checksums"] = {checksum_of_file(best)};
    write_text(file, json.dump());
  };
  with_checksum(plan.runs[0].folder / "evaluation.json");
  const auto keep = [&](size_t score, const FakeRun& run) {
    write_fake_run(base_ / "elsewhere", run);
    fs::create_directories(plan.scores[score].folder);
    for (const char* file : {"evaluation.json", "cases.csv"}) {
      fs::copy_file(base_ / "elsewhere" / file, plan.scores[score].folder / file, fs::copy_options::overwrite_existing);
    }
    with_checksum(plan.scores[score].folder / "evaluation.json");
  };
  ASSERT_EQ(plan.scores.size(), 4u);
  keep(1, {.patients = {{"T", 0.5}}});
  keep(2, {.patients = {{"A", 0.9}, {"B", 0.7}}, .tta = "d4"});
  const TableResult table = collect_table(made, plan);
  EXPECT_NEAR(table.rows[0].mean, 0.7, 1e-12);
  ASSERT_EQ(table.rows[0].others.size(), 1u);
  EXPECT_EQ(table.rows[0].others[0].side, "test");
  EXPECT_NEAR(table.rows[0].others[0].mean, 0.5, 1e-12);
  EXPECT_NEAR(table.rows[1].mean, 0.8, 1e-12);
  EXPECT_TRUE(std::isnan(table.rows[1].others[0].mean));
  EXPECT_EQ(table.rows[1].problems, std::vector<std::string>{"seed 0, test side: not evaluated"});
  EXPECT_EQ(table.runs, 4);
  EXPECT_EQ(table.runs_counted, 3);
  write_text(best, "other weights");
  EXPECT_EQ(collect_table(made, plan).runs_counted, 0);  // all of them scored what is gone
}

}  // namespace
}  // namespace larmor::report
