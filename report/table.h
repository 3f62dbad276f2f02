// Published tables: what is run for each row, and what came of it.
//
//   title: "Siberian table 2: optimizers, LinkNet_Sx50"
//   recipe: ../lgg/linknet_sx50_128.yaml      # of every row that names none; relative to this file
//   reference: adam                           # the row that the others are compared with
//   metric: dice_patients                     # any *_patients metric of eval
//   seeds: 3
//   reach: 0.7                                # epochs are counted to this validation value
//   levels: [0.5, 0.6, 0.7, 0.8, 0.9]         # and, with seconds, to each of these in the report
//   published: {source: "…", data: "…", convention: "…", same_data: false, columns: [val, test]}
//   rows:
//     - {name: adam, overrides: [optim.name=adam], published: {val: 0.983, test: 0.920}}
//
// A row is the mean and standard deviation (n - 1) over seeds of the metric; the 95 % bootstrap interval is over patients, each
// patient's mean over seeds; the comparison with the reference is the paired Wilcoxon signed-rank test over the same patient means
// with Holm's correction over the rows. A run that is missing, unfinished, damaged or not evaluated is left out and named.
#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "eval/statistics.h"
#include "report/convergence.h"

namespace larmor::report {

struct TableRow {
  std::string name;
  std::string recipe;  ///< file
  std::vector<std::string> overrides;
  std::map<std::string, double> published;  ///< by column; absent where nothing was printed
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
  std::vector<std::string> published_columns;
  std::vector<TableRow> rows;
};

/// Error (usage): every mistake of the file on its own line.
TableSpec read_table_spec(const std::filesystem::path& file);

struct TableRun {
  size_t row = 0;
  int64_t seed = 0;
  std::filesystem::path folder;
};
/// Seeds 0 … seeds-1 of every row, in <base>/<table>/<row>/seed-<n>.
std::vector<TableRun> plan_runs(const TableSpec& spec, int64_t seeds, const std::filesystem::path& base = "runs");

struct Comparison {
  double difference = 0;  ///< mean over common patients of row - reference
  double p = 1, p_holm = 1;
  int64_t patients = 0;
};

struct RowResult {
  std::vector<double> seeds;               ///< the metric of each counted run
  std::map<std::string, double> patients;  ///< mean over seeds
  double mean = 0, sd = 0;                 ///< over seeds; NaN for none, for one
  eval::Interval interval;                 ///< over patients; NaN for fewer than two
  std::optional<Comparison> comparison;    ///< none for the reference and where there is nothing to compare
  double epochs_to_reach = 0;              ///< mean over the seeds that got there; NaN for none
  int64_t reached = 0, never = 0;          ///< seeds
  int64_t missed = 0, missed_of = 0;       ///< patients x seeds
  std::vector<RunCurve> curves;            ///< validation metric of each counted run
  std::vector<std::string> problems;       ///< "seed 2: not run"
};

struct TableResult {
  TableSpec spec;
  std::vector<RowResult> rows;  ///< as spec.rows
  int64_t runs = 0, runs_counted = 0;
  int64_t patients = 0;       ///< that any row has
  std::string source, split;  ///< "lgg", "validation"; several joined by " and "
  double threshold = 0;       ///< NaN when runs differ
  bool is_phantom = false, leaks = false;
  std::vector<std::string> notes;  ///< what a reader must know: other patients in a row, smallest possible p
};

TableResult collect_table(const TableSpec& spec, const std::vector<TableRun>& runs);

}  // namespace larmor::report
