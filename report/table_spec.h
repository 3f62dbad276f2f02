// What a published table is made of: rows, recipes, printed values; and which trainings and evaluations that means.
//
//   title: "Siberian table 2: optimizers, LinkNet_Sx50"
//   recipe: ../lgg/linknet_sx50_128.yaml      # of every row that names none; relative to this file
//   reference: adam                           # the row that the others are compared with
//   metric: dice_patients                     # dice_patients, iou_patients, sensitivity_patients or precision_patients
//   seeds: 3
//   reach: 0.7                                # epochs are counted to this validation value
//   levels: [0.5, 0.6, 0.7, 0.8, 0.9]         # and, with seconds, to each of these in the report
//   published: {source: "…", data: "…", convention: "…", same_data: false, columns: [val, test]}
//   rows:
//     - {name: adam, overrides: [optim.name=adam], published: {val: 0.983, test: 0.920}}
//
// and where they are needed:
//   sides: [test, validation]                 # scored sides of the split; the first is compared, the others stand beside it
//   folds: 5                                  # every seed trains folds 0 … 4 of data.split; its value is over the patients of all folds
//   published: {subjects: 110, patients: {P_1: 0.943}, band: [0.905, 0.916]}   # printed values per patient; where the mean has to be
//   costs: true                               # seconds per epoch and per patient, memory
//   not_published: ["batch size: 16"]         # what the paper does not say, and what was chosen
//   rows:
//     - {name: adam TTA1, runs: adam, tta: tta1}           # another evaluation of the runs of row adam
//     - {name: ensemble, runs: adam, ensemble: true}       # the networks of all folds together
// Instead of rows:
//   factors:                                  # the first level of each factor makes the base; one row for the base, and one for every
//     - name: optimizer                       # other level in its place; `is_full` crosses all levels of all factors
//       levels: [{name: Ralamb, overrides: [optim.name=ralamb]}, {name: Adam, overrides: [optim.name=adam]}]
//     - {name: TTA, levels: [{name: none}, {name: TTA1, tta: tta1}]}
#pragma once
#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace larmor::report {

constexpr int64_t kMostSeeds = 1000;  ///< per row

/// Metrics that a table may compare: means over patients, and the column of cases.csv that they are the mean of.
const std::map<std::string, std::string>& patient_columns();

struct TableRow {
  std::string name;
  std::string recipe;  ///< file
  std::vector<std::string> overrides;
  std::map<std::string, double> published;  ///< by column; absent where nothing was printed
  std::string runs;                         ///< the row whose runs are evaluated; "": its own
  std::string tta;                          ///< "": the table's
  bool ensemble = false;                    ///< the networks of a seed's folds together
};

struct TableSpec {
  std::string name;  ///< stem of the file
  std::string title;
  std::string reference;
  std::string metric = "dice_patients";
  std::string tta = "none";
  int64_t seeds = 3;
  double reach = 0.7;
  std::vector<double> levels{0.5, 0.6, 0.7, 0.8, 0.9};
  std::string published_source, published_data, published_convention;
  bool published_same_data = false;
  int64_t published_subjects = 0;  ///< behind the published values; 0: not said, or as many as are listed
  std::vector<std::string> published_columns;
  std::map<std::string, double> published_patients;
  std::array<double, 2> published_band{0, 0};  ///< of the mean over the published patients; 0, 0: none
  std::vector<std::string> not_published;
  std::vector<std::string> sides{"validation"};
  int64_t folds = 0;   ///< 0: the recipes' own split
  bool costs = false;  ///< shows seconds per epoch and per patient and memory; each run is then trained in a process of its own
  std::vector<TableRow> rows;
  std::vector<std::string> overrides;  ///< of every row, from the command line

  const std::string& tta_of(const TableRow& row) const { return row.tta.empty() ? tta : row.tta; }
};

/// Error (usage): every mistake of the file on its own line. `is_full` crosses factors; Error where the table has none.
TableSpec read_table_spec(const std::filesystem::path& file, bool is_full = false);

/// Takes over the command line's key=value words: where the table has `folds`, data.split.folds replaces them. Error (usage): a number of
/// folds that is not allowed, and keys that the table itself sets in each run (data.split.fold of a table with folds, train.seed).
void override_rows(TableSpec& spec, const std::vector<std::string>& overrides);

/// Scores these sides instead of the table's; at least one. Error (usage): a side that there is not, or one that stands twice.
void override_sides(TableSpec& spec, const std::vector<std::string>& sides);

/// One training.
struct TableRun {
  size_t row = 0;
  int64_t seed = 0;
  std::filesystem::path folder;
  int64_t fold = -1;  ///< -1: the recipe's own split
};

/// One evaluation: of a run, or of the runs of all folds together.
struct TableScore {
  size_t row = 0;
  int64_t seed = 0;
  std::string side;
  std::vector<size_t> runs;      ///< of the plan
  std::filesystem::path folder;  ///< where its evaluation.json lies: the run's own, or one for it alone
};

struct TablePlan {
  std::filesystem::path folder;  ///< of the table
  std::vector<TableRun> runs;
  std::vector<TableScore> scores;
  /// True when the score is kept in the folder of its run.
  bool is_in_run(const TableScore& score) const { return score.runs.size() == 1 && runs[score.runs[0]].folder == score.folder; }
  /// checkpoints/best of each run of a score.
  std::vector<std::filesystem::path> weights_of(const TableScore& score) const;
};

/// Seeds 0 … seeds-1 of every row, in <base>/<table>/<row>/seed-<n>[/fold-<k>]; further evaluations in [<side>/] below such folders.
/// Error (usage) for more than 10 000 evaluations.
TablePlan plan_table(const TableSpec& spec, int64_t seeds, const std::filesystem::path& base = "runs");

}  // namespace larmor::report
