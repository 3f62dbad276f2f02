#include "report/table_spec.h"

#include <gtest/gtest.h>

#include "tests/report/support.h"
#include "tests/support/golden.h"

namespace larmor::report {
namespace {

namespace fs = std::filesystem;
using testing::error_of;
using testing::write_text;

class TableSpecTest : public ::testing::Test {
 protected:
  static TableSpec spec() {
    TableSpec made;
    made.name = "made-up";
    made.rows = {{"adam", "a.yaml", {}, {}}, {"Ranger", "a.yaml", {"optim.name=ranger"}, {}}};
    return made;
  }
  TableSpec read(const std::string& text, bool is_full = false) const {
    write_text(base_ / "t.yaml", text);
    return read_table_spec(base_ / "t.yaml", is_full);
  }

  const fs::path base_ = larmor::testing::make_temporary_folder("table");
};

TEST_F(TableSpecTest, RunsHaveOneFolderEach) {
  const std::vector<TableRun> runs = plan_table(spec(), 2, "runs").runs;
  ASSERT_EQ(runs.size(), 4u);
  EXPECT_EQ(runs[0].folder, "runs/made-up/adam/seed-0");
  EXPECT_EQ(runs[3].folder, "runs/made-up/ranger/seed-1");
  EXPECT_EQ(runs[3].row, 1u);
  EXPECT_EQ(runs[3].seed, 1);
}

TEST_F(TableSpecTest, RowNamesCannotLeaveTheFolder) {
  TableSpec made = spec();
  made.rows[0].name = "../../etc";
  made.rows[1].name = "SE-ResNeXt 50 / x";
  const std::vector<TableRun> runs = plan_table(made, 1, "runs").runs;
  EXPECT_EQ(runs[0].folder, "runs/made-up/row-..-..-etc/seed-0");
  EXPECT_EQ(runs[1].folder, "runs/made-up/se-resnext-50-x/seed-0");
}

TEST_F(TableSpecTest, FoldsAndSidesHaveFoldersOfTheirOwn) {
  TableSpec made = spec();
  made.folds = 2;
  made.sides = {"validation", "test"};
  made.rows[1] = {"together", "a.yaml", {}, {}, "adam", "d4", true};
  const TablePlan plan = plan_table(made, 1, "runs");
  ASSERT_EQ(plan.runs.size(), 2u);
  EXPECT_EQ(plan.folder, "runs/made-up");
  EXPECT_EQ(plan.runs[1].folder, "runs/made-up/adam/seed-0/fold-1");
  EXPECT_EQ(plan.runs[1].fold, 1);
  ASSERT_EQ(plan.scores.size(), 6u);
  EXPECT_TRUE(plan.is_in_run(plan.scores[1]));
  EXPECT_EQ(plan.scores[1].folder, plan.runs[1].folder);
  EXPECT_FALSE(plan.is_in_run(plan.scores[2]));
  EXPECT_EQ(plan.scores[2].folder, "runs/made-up/adam/seed-0/fold-0/test");
  EXPECT_EQ(plan.scores[5].folder, "runs/made-up/together/seed-0/ensemble/test");
  EXPECT_EQ(plan.scores[5].runs, (std::vector<size_t>{0, 1}));
  EXPECT_EQ(plan.weights_of(plan.scores[5])[1], "runs/made-up/adam/seed-0/fold-1/checkpoints/best.safetensors");
}

constexpr const char* kFactors =
    "recipe: r.yaml\npublished: {columns: [test]}\nfactors:\n"
    "  - name: network\n    levels: [{name: LinkNet, overrides: [model.name=linknet], published: {test: 0.9}}, {name: FPN, overrides: "
    "[model.name=fpn]}]\n"
    "  - name: rule\n    levels: [{name: Ralamb, overrides: [optim.name=ralamb]}, {name: Adam, overrides: [optim.name=adam], published: "
    "{test: 0.8}}]\n"
    "  - name: TTA\n    levels: [{name: none}, {name: TTA1, tta: tta1}]\n";

TEST_F(TableSpecTest, FactorsAreChangedOneAtATime) {
  const TableSpec made = read(kFactors);
  ASSERT_EQ(made.rows.size(), 4u);
  EXPECT_EQ(made.rows[0].name, "LinkNet + Ralamb");
  EXPECT_EQ(made.rows[0].published.at("test"), 0.9);
  EXPECT_EQ(made.rows[1].name, "FPN + Ralamb");
  EXPECT_TRUE(made.rows[1].published.empty());
  EXPECT_EQ(made.rows[2].overrides, (std::vector<std::string>{"model.name=linknet", "optim.name=adam"}));
  EXPECT_EQ(made.rows[2].published.at("test"), 0.8);
  EXPECT_EQ(made.rows[3].name, "LinkNet + Ralamb + TTA1");
  EXPECT_EQ(made.rows[3].runs, "LinkNet + Ralamb");
  EXPECT_EQ(made.tta_of(made.rows[3]), "tta1");
  EXPECT_EQ(made.reference, "LinkNet + Ralamb");
  EXPECT_EQ(made.rows[3].recipe, (base_ / "r.yaml").string());
}

TEST_F(TableSpecTest, FactorsCanBeCrossed) {
  const TableSpec made = read(kFactors, true);
  EXPECT_EQ(made.name, "t-full");
  ASSERT_EQ(made.rows.size(), 8u);
  EXPECT_EQ(made.rows.back().name, "FPN + Adam + TTA1");
  EXPECT_EQ(made.rows.back().runs, "FPN + Adam");
  EXPECT_TRUE(made.rows.back().published.empty());
  EXPECT_EQ(plan_table(made, 1).runs.size(), 4u);
}

TEST_F(TableSpecTest, EveryShippedTableCanBeRead) {
  int64_t tables = 0;
  for (const auto& entry : fs::directory_iterator(larmor::testing::source_dir() / "configs/tables")) {
    const TableSpec made = read_table_spec(entry.path());
    EXPECT_FALSE(made.published_source.empty()) << entry.path();
    for (const TableRow& row : made.rows) EXPECT_TRUE(fs::exists(row.recipe)) << row.recipe;
    ++tables;
  }
  EXPECT_GT(tables, 0);
}

TEST_F(TableSpecTest, TheLggStudyPrintsEveryPatient) {
  const TableSpec made = read_table_spec(larmor::testing::source_dir() / "configs/tables/lgg-buda.yaml");
  ASSERT_EQ(made.published_patients.size(), 10u);
  double sum = 0;
  for (const auto& [patient, value] : made.published_patients) sum += value;
  EXPECT_NEAR(sum / 10, made.rows[0].published.at("mean"), 1e-3);
  EXPECT_EQ(made.published_band, (std::array<double, 2>{0.905, 0.916}));
}

TEST_F(TableSpecTest, TheShippedTableCanBeRead) {
  const TableSpec made = read_table_spec(larmor::testing::source_dir() / "configs/tables/lgg-optimizers.yaml");
  EXPECT_EQ(made.name, "lgg-optimizers");
  EXPECT_EQ(made.seeds, 3);
  ASSERT_EQ(made.rows.size(), 4u);
  EXPECT_EQ(made.rows[3].published.at("test"), 0.927);
  EXPECT_EQ(made.rows[3].overrides, std::vector<std::string>{"optim.name=ralamb"});
  for (const TableRow& row : made.rows) EXPECT_TRUE(fs::exists(row.recipe)) << row.recipe;
  EXPECT_FALSE(made.published_same_data);
}

TEST_F(TableSpecTest, FoldsOfTheCommandLineGoBeforeTheTables) {
  TableSpec made = read("recipe: a.yaml\nfolds: 5\nrows:\n  - {name: adam}\n");
  const std::vector<std::string> overrides{"data.split.folds=3", "optim.lr=1e-4"};
  override_rows(made, overrides);
  EXPECT_EQ(made.folds, 3);
  EXPECT_EQ(made.overrides, overrides);
  EXPECT_EQ(plan_table(made, 2).runs.size(), 6u);
  override_rows(made, {"data.split={kind: kfold, folds: 2}"});
  EXPECT_EQ(made.folds, 2);
}

TEST_F(TableSpecTest, FoldsOfTheCommandLineDoNotMakeATableOfFolds) {
  TableSpec made = spec();
  override_rows(made, {"data.split.folds=3", "data.split.fold=2"});
  EXPECT_EQ(made.folds, 0);
}

TEST_F(TableSpecTest, SidesOfTheCommandLineStandInPlaceOfTheTables) {
  TableSpec made = read("recipe: a.yaml\nsides: [test, hold_out]\nrows:\n  - {name: adam}\n");
  override_sides(made, {"test"});
  EXPECT_EQ(made.sides, std::vector<std::string>{"test"});
  EXPECT_EQ(plan_table(made, 1).scores.size(), 1u);
}

class TableSpecError : public TableSpecTest {};

TEST_F(TableSpecError, SidesThatThereAreNot) {
  TableSpec made = spec();
  EXPECT_EQ(error_of([&] { override_sides(made, {"holdout"}); }), "--sides: unknown side 'holdout'; nearest: 'hold_out'");
  EXPECT_EQ(error_of([&] { override_sides(made, {"test", "test"}); }), "--sides: 'test' stands twice");
}

TEST_F(TableSpecError, KeysThatTheTableSetsInEachRun) {
  TableSpec made = read("recipe: a.yaml\nfolds: 5\nrows:\n  - {name: adam}\n");
  const auto error = [&made](const std::string& assignment) { return error_of([&] { override_rows(made, {assignment}); }); };
  EXPECT_EQ(error("train.seed=1"), "command line: train.seed: the table sets it in each run; say --seeds N for seeds 0 … N-1");
  EXPECT_EQ(error("data.split.fold=1"),
            "command line: data.split.fold: the table trains every fold; --only ROW/seed-0/fold-1 trains one of them");
  EXPECT_EQ(error("data.split.folds=1"), "command line: data.split.folds: 1 is not allowed; must be in [2, 1000]");
  EXPECT_EQ(error("data.split.folds=all"), "command line: data.split.folds: 'all' is not an integer");
  EXPECT_EQ(made.folds, 5);
}

TEST_F(TableSpecError, MoreThanATableMayHold) {
  const std::string at = (base_ / "t.yaml").string() + ":";
  EXPECT_EQ(error_of([&] { read("recipe: a.yaml\nseeds: 1000000000\nfolds: 1001\nrows:\n  - {name: adam}\n"); }),
            at + "2: seeds: 1000000000 is not allowed; must be in [1, 1000]\n" +  //
                at + "3: folds: 1001 is not allowed; must be in [0, 1000]");
  std::string rows = "recipe: a.yaml\nrows:\n";
  for (int i = 0; i < 1001; ++i) rows += "  - {}\n";
  EXPECT_EQ(error_of([&] { read(rows); }), at + "2: rows: 1001 rows; at most 1000");
  TableSpec made = spec();
  made.folds = 11;
  EXPECT_EQ(error_of([&] { plan_table(made, 1000); }),
            "table made-up: 2 rows x 1000 seeds x 11 folds x 1 side are 22000 evaluations; at most 10000, so take fewer seeds or folds");
}

TEST_F(TableSpecError, NamesBecomeFolders) {
  const std::string at = (base_ / "t.yaml").string() + ":";
  const std::string name(101, 'x');
  EXPECT_EQ(error_of([&] { read("recipe: a.yaml\nrows:\n  - {name: " + name + "}\n"); }),
            at + "3: rows.1.name: has 101 bytes; at most 100");
  EXPECT_EQ(error_of([&] { read("recipe: a.yaml\nrows:\n  - {name: \"a\\nb\"}\n"); }),
            at + "3: rows.1.name: 'a\\x0ab' has a control character");
}

TEST_F(TableSpecError, ValuesThatAreChecksOfTheRows) {
  const std::string at = (base_ / "t.yaml").string() + ":";
  EXPECT_EQ(error_of([&] {
              read(
                  "recipe: a.yaml\nmetric: dice\ntta: tta9\nreach: 2\nlevels: [0.5, -1]\nrows:\n  - {name: a}\n  - {name: b, runs: a, tta: "
                  "d5}\n");
            }),
            at + "2: metric: unknown value 'dice'; allowed: dice_patients, iou_patients, precision_patients, sensitivity_patients\n" +  //
                at + "3: tta: unknown value 'tta9'; nearest: 'tta1'\n" +                                                                //
                at + "4: reach: 2 is not allowed; must be in [0, 1]\n" +                                                                //
                at + "5: levels: entry 2: -1 is not allowed; must be in [0, 1]\n" +                                                     //
                at + "8: rows.2.tta: unknown value 'd5'; nearest: 'd4'");
}

TEST_F(TableSpecError, OverridesOfARowLeaveTheTablesOwnKeysAlone) {
  const std::string at = (base_ / "t.yaml").string() + ":";
  EXPECT_EQ(error_of([&] {
              read(
                  "recipe: a.yaml\nfolds: 2\nrows:\n  - {name: a, overrides: [data.split.folds=3]}\n  - {name: b, overrides: "
                  "[data.split.fold=1]}\n  - {name: c, overrides: [train.seed=1]}\n  - {name: d, overrides: [nonsense]}\n");
            }),
            at + "4: rows.1.overrides: data.split.folds: the table's folds decide; leave it out\n" +  //
                at + "5: rows.2.overrides: data.split.fold: the table trains every fold; --only ROW/seed-0/fold-1 trains one of them\n" +
                at + "6: rows.3.overrides: train.seed: the table sets it in each run; say --seeds N for seeds 0 … N-1\n" + at +
                "7: rows.4.overrides: 'nonsense' is not an override; write key=value");
  EXPECT_EQ(error_of([&] { read("recipe: a.yaml\nfactors:\n  - {name: x, levels: [{name: a, tta: d5, overrides: [train.seed=1]}]}\n"); }),
            at + "3: factors.1.levels.1.tta: unknown value 'd5'; nearest: 'd4'\n" + at +
                "3: factors.1.levels.1.overrides: train.seed: the table sets it in each run; say --seeds N for seeds 0 … N-1");
}

TEST_F(TableSpecError, SidesAreNamedOnce) {
  const std::string at = (base_ / "t.yaml").string() + ":";
  EXPECT_EQ(error_of([&] { read("recipe: a.yaml\nsides: [test, tests]\nrows:\n  - {name: adam}\n"); }),
            at + "2: sides: entry 2: unknown value 'tests'; nearest: 'test'");
  EXPECT_EQ(error_of([&] { read("recipe: a.yaml\nsides: [test, test]\nrows:\n  - {name: adam}\n"); }),
            at + "2: sides: 'test' stands twice");
  EXPECT_EQ(error_of([&] { read("recipe: a.yaml\nsides: []\nrows:\n  - {name: adam}\n"); }), at + "2: sides: must name at least one side");
}

TEST_F(TableSpecError, TellsEveryMistakeAtOnce) {
  const fs::path file = base_ / "bad.yaml";
  write_text(file,
             "title: x\nmetrik: dice\nreference: adm\nseeds: 0\npublished: {columns: [val]}\nrows:\n  - {name: adam, recipe: a.yaml}\n"
             "  - {name: adam, recipe: a.yaml}\n  - {recipe: a.yaml, published: {test: 1}}\n  - {name: b}\n");
  const std::string at = file.string() + ":";
  EXPECT_EQ(error_of([&] { read_table_spec(file); }), at + "2: metrik: unknown key; nearest: 'metric'\n" +                           //
                                                          at + "4: seeds: 0 is not allowed; must be in [1, 1000]\n" +                //
                                                          at + "8: rows.2.name: 'adam' stands twice\n" +                             //
                                                          at + "9: rows.3.name: missing; every row needs one\n" +                    //
                                                          at + "9: rows.3.published.test: not in published.columns: val\n" +         //
                                                          at + "10: rows.4.recipe: missing; name it here or once for the table\n" +  //
                                                          at + "3: reference: unknown row 'adm'; nearest: 'adam'");
  write_text(file, "title: x\n");
  EXPECT_EQ(error_of([&] { read_table_spec(file); }), file.string() + ": rows: must be a list of at least one row");
}

TEST_F(TableSpecError, RowsThatShareRunsNeedARowAbove) {
  write_text(base_ / "t.yaml",
             "recipe: a.yaml\nrows:\n  - {name: a}\n  - {name: b, runs: c}\n  - {name: d, runs: a, overrides: [x=1]}\n"
             "  - {name: e, runs: a}\n  - {name: f, runs: e}\n  - {name: g, ensemble: true}\n  - {name: A}\n");
  const std::string at = (base_ / "t.yaml").string() + ":";
  EXPECT_EQ(error_of([&] { read_table_spec(base_ / "t.yaml"); }),
            at + "4: rows.2.runs: unknown row above 'c'; allowed: a\n" +                        //
                at + "5: rows.3.overrides: a row with runs trains nothing; leave them out\n" +  //
                at + "7: rows.5.runs: 'e' has no runs of its own; name 'a'\n" +                 //
                at + "8: rows.6.ensemble: needs folds, at least 2\n" +                          //
                at + "9: rows.7.name: 'a' and 'A' would share the folder a");
}

TEST_F(TableSpecError, FactorsAreWhole) {
  write_text(base_ / "t.yaml", "recipe: a.yaml\nfactors:\n  - name: x\n    levels: []\n  - {name: y, levels: [{tta: d4}]}\n");
  const std::string at = (base_ / "t.yaml").string() + ":";
  EXPECT_EQ(error_of([&] { read_table_spec(base_ / "t.yaml"); }), at + "3: factors.1.levels: must be a list of at least one level\n" +  //
                                                                      at + "5: factors.2.levels.1.name: missing; every level needs one");
  write_text(base_ / "t.yaml", "recipe: a.yaml\nrows:\n  - {name: a}\n");
  EXPECT_EQ(error_of([&] { read_table_spec(base_ / "t.yaml", true); }),
            at + "1: factors: missing; --full crosses factors, and this table has rows");
}

}  // namespace
}  // namespace larmor::report
