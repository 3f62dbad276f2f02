#include "report/table_output.h"

#include <gtest/gtest.h>

#include <limits>

#include "core/files.h"
#include "tests/report/support.h"
#include "tests/support/golden.h"

namespace larmor::report {
namespace {

using testing::contains;

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

/// Figures of a finished table, one row of which has no run.
TableResult made_up() {
  TableResult table;
  table.spec.name = "siberian-2";
  table.spec.title = "Siberian table 2: optimizers";
  table.spec.reference = "adam";
  table.spec.published_columns = {"val", "test"};
  table.spec.published_source = "slides, table 2";
  table.spec.published_data = "private";
  table.spec.published_convention = "not stated";
  table.spec.rows = {
      {"adam", "a.yaml", {}, {{"val", 0.983}, {"test", 0.92}}}, {"ralamb", "a.yaml", {}, {{"test", 0.927}}}, {"ranger", "a.yaml", {}, {}}};
  RowResult adam{
      .seeds = {0.76, 0.78, 0.79}, .patients = {{"P_1", 0.7}, {"P_2", 0.85}}, .mean = 0.774, .sd = 0.0153, .interval = {0.701, 0.829}};
  adam.epochs_to_reach = 8.333;
  adam.reached = 3;
  adam.missed_of = 6;
  adam.curves = {{{1, 10, 0.2}, {2, 20, 0.65}}, {{1, 11, 0.3}, {2, 22.5, 0.55}}, {{1, 12, 0.4}, {2, 24, 0.3}}};
  RowResult ralamb{.seeds = {1}, .patients = {{"P_1", 1}, {"P_2", 1}}, .mean = 1, .sd = kNone, .interval = {0.9996, 1}};
  ralamb.comparison = Comparison{-0.0032, 0.25, 0.75, 2};
  ralamb.epochs_to_reach = 6;
  ralamb.reached = 1;
  ralamb.never = 2;
  ralamb.missed = 1;
  ralamb.missed_of = 2;
  ralamb.problems = {"seed 1: not run"};
  RowResult ranger{.mean = kNone, .sd = kNone, .interval = {kNone, kNone}};
  ranger.epochs_to_reach = kNone;
  ranger.problems = {"seed 0: not run"};
  table.rows = {adam, ralamb, ranger};
  table.runs = 9;
  table.runs_counted = 4;
  table.patients = 2;
  table.source = "lgg";
  table.split = "validation";
  table.threshold = 0.5;
  table.notes = {"With 2 patients p cannot fall below 0.5."};
  return table;
}

TEST(TableOutput, TextIsAlignedAndSaysWhatItIs) {
  EXPECT_EQ(
      to_text(made_up()),
      "Siberian table 2: optimizers\n"
      "data: lgg, validation side, 2 patients, NOT the data of the published values\n"
      "        published   ours, 3 seeds, 2 patients\n"
      "row      val  test  Dice mean ± SD  95 % CI         vs adam (Holm)       epochs to .70  missed\n"
      "adam    .983  .920  .774 ± .015     [.701, .829]    –                              8.3  0 of 6\n"
      "ralamb     –  .927  1.000           [1.000, 1.000]  −.003  p .75    6.0 (2 of 3 never)  1 of 2\n"
      "ranger     –     –  –               –               –                                –       –\n"
      "Dice: per patient, pooled over its slices, threshold .5, tta none. SD over seeds, CI over patients (bootstrap), p from the paired "
      "Wilcoxon test.\n"
      "Model-selected: the best epoch was chosen by these patients' own values.\n"
      "Published: slides, table 2; data: private; convention: not stated. Different data: compare the order, not the level.\n"
      "With 2 patients p cannot fall below 0.5.\n"
      "not counted: ralamb, seed 1: not run\n"
      "not counted: ranger, seed 0: not run\n"
      "4 of 9 runs counted.\n");
}

TEST(TableOutput, PhantomTablesSaySoInEveryForm) {
  TableResult table = made_up();
  table.is_phantom = true;
  EXPECT_TRUE(contains(to_text(table), "PHANTOM"));
  EXPECT_TRUE(contains(to_csv(to_csv_table(table)), "lgg (phantom)"));
  EXPECT_TRUE(contains(to_html(describe_table(table)), "<p class=\"banner\">PHANTOM DATA"));
  EXPECT_TRUE(contains(to_markdown(describe_table(table)), "> **PHANTOM DATA"));
  EXPECT_TRUE(contains(to_latex(table), "Phantom data: synthetic, no patients."));
  EXPECT_FALSE(contains(to_html(describe_table(made_up())), "PHANTOM"));
}

TEST(TableOutput, PreparedSlicesAndOverridesAreTold) {
  TableResult table = made_up();
  table.preprocess = "buda";
  table.spec.overrides = {"data.split.folds=3", "train.epochs=2"};
  const std::string scored =
      "Scored: slices as prepared by data.preprocess.kind buda, not at the source's size; what it cuts or leaves out is not scored.";
  const std::string changed = "Overridden in every row, whatever is said below: data.split.folds=3 train.epochs=2.";
  for (const std::string& text : {to_text(table), to_html(describe_table(table)), to_markdown(describe_table(table))}) {
    EXPECT_TRUE(contains(text, "Scored: slices as prepared by data.preprocess.kind buda, not at the source")) << text;
    EXPECT_TRUE(contains(text, changed)) << text;
  }
  EXPECT_TRUE(contains(to_text(table), "\n" + scored + "\n"));
}

TEST(TableOutput, CsvHasFullNumbersAndEmptyCellsForNone) {
  const CsvTable csv = to_csv_table(made_up());
  const auto cell = [&](size_t row, const char* column) { return csv.rows[row][csv.column(column)]; };
  EXPECT_EQ(cell(0, "mean"), "0.774");
  EXPECT_EQ(cell(0, "sd"), "0.0153");
  EXPECT_EQ(cell(0, "published_val"), "0.983");
  EXPECT_EQ(cell(0, "p_holm"), "");
  EXPECT_EQ(cell(1, "difference"), "-0.0032");
  EXPECT_EQ(cell(1, "seeds_never"), "2");
  EXPECT_EQ(cell(2, "mean"), "");
  EXPECT_EQ(cell(2, "problems"), "seed 0: not run");
}

TEST(TableOutput, PublishedValuesOfOtherDataAreFaint) {
  TableResult table = made_up();
  const std::string html = to_html(describe_table(table));
  EXPECT_TRUE(contains(html, "<td class=\"n faint\">.983</td><td class=\"n faint\">.920</td><td>.774 ± .015</td>"));
  EXPECT_TRUE(contains(html, "published val (different data)"));
  table.spec.published_same_data = true;
  EXPECT_TRUE(contains(to_html(describe_table(table)), "<td class=\"n\">.983</td>"));
}

TEST(TableOutput, ConvergenceInEpochsAndSeconds) {
  TableResult table = made_up();
  std::string page = to_markdown(describe_table(table));
  EXPECT_TRUE(contains(page, "Convergence"));
  EXPECT_TRUE(contains(page, "| adam | 2.0 epochs, 21 s (2 of 3) | 2.0 epochs, 20 s (1 of 3) |")) << page;
  EXPECT_TRUE(contains(page, "| ranger | – | – |"));
  EXPECT_FALSE(contains(page, ".90 |"));  // reached by none
  table.spec.levels = {0.2};
  EXPECT_TRUE(contains(to_markdown(describe_table(table)), "| adam | 1.0 epochs, 11 s |"));
}

TEST(TableOutput, LevelsAreHeadedInFull) {
  TableResult table = made_up();
  table.spec.levels = {0.2, 0.205, 0.2051};
  table.spec.reach = 0.975;
  EXPECT_TRUE(contains(to_markdown(describe_table(table)), "| .20 | .205 | .2051 |"));
  EXPECT_TRUE(contains(to_text(table), "epochs to .975  missed"));
}

TEST(TableOutput, LatexIsEscaped) {
  TableResult table = made_up();
  table.spec.rows[0].name = "a_b & 50 %";
  const std::string latex = to_latex(table);
  EXPECT_TRUE(contains(latex, "a\\_b \\& 50 \\% & .983 & .920 & .774 ± .015"));
  EXPECT_TRUE(contains(latex, "95 \\% CI"));
}

TEST(TableOutput, HostileNamesStayNames) {
  TableResult table = made_up();
  table.spec.title = "<script>x</script>";
  table.spec.rows[0].name = "\x1b[2J<b>|";
  EXPECT_FALSE(contains(to_html(describe_table(table)), "<script"));
  EXPECT_FALSE(contains(to_html(describe_table(table)), "<b>"));
  EXPECT_FALSE(contains(to_text(table), "\x1b"));
  EXPECT_TRUE(contains(to_markdown(describe_table(table)), "\\<b\\>\\|"));
}

TEST(TableOutput, WritesAllForms) {
  const std::filesystem::path folder = larmor::testing::make_temporary_folder("table-output") / "made/up";
  write_table(folder, made_up());
  for (const char* file : {"table.txt", "table.csv", "table.md", "table.tex", "report.html"})
    EXPECT_GT(read_file(folder / file).size(), 100u) << file;
}

TEST(TableOutput, AnEmptyTableIsStillATable) {
  TableResult table;
  table.spec.title = "Nothing yet";
  table.spec.reference = "adam";
  table.spec.rows = {{"adam", "a.yaml", {}, {}}};
  table.rows = {RowResult{.mean = kNone, .sd = kNone, .interval = {kNone, kNone}, .epochs_to_reach = kNone}};
  table.threshold = kNone;
  EXPECT_TRUE(contains(to_text(table), "data: none yet"));
}

TEST(TableOutput, CostsAreColumnsWhereAskedFor) {
  TableResult table = made_up();
  EXPECT_FALSE(contains(to_text(table), "s per epoch"));
  table.spec.costs = true;
  table.rows[0].epoch_seconds = 12.34;
  table.rows[0].patient_seconds = 0.5;
  table.rows[0].memory_mib = 812;
  for (RowResult* row : {&table.rows[1], &table.rows[2]}) row->epoch_seconds = row->patient_seconds = row->memory_mib = kNone;
  EXPECT_TRUE(contains(to_text(table), "0 of 6         12.3           0.50  812\n"));
  const CsvTable csv = to_csv_table(table);
  EXPECT_EQ(csv.rows[0][csv.column("seconds_per_epoch")], "12.34");
  EXPECT_EQ(csv.rows[0][csv.column("memory_mib")], "812");
  EXPECT_EQ(csv.rows[2][csv.column("seconds_per_patient")], "");
}

TEST(TableOutput, FurtherSidesStandBesideTheFirst) {
  TableResult table = made_up();
  table.spec.sides = {"test", "validation"};
  for (RowResult& row : table.rows) row.others = {{"validation", {}, kNone, kNone}};
  table.rows[0].others = {{"validation", {0.9, 0.8}, 0.85, 0.0707}};
  EXPECT_TRUE(contains(to_text(table), "test Dice mean ± SD  validation Dice mean ± SD"));
  EXPECT_TRUE(contains(to_text(table), ".774 ± .015          .850 ± .071"));
  const CsvTable csv = to_csv_table(table);
  EXPECT_EQ(csv.rows[0][csv.column("validation_mean")], "0.85");
  EXPECT_EQ(csv.rows[1][csv.column("validation_mean")], "");
  EXPECT_EQ(csv.rows[1][csv.column("validation_seeds")], "0");
}

}  // namespace
}  // namespace larmor::report
