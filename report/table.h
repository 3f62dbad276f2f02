// A published table beside our runs: what came of each row.
//
// A row is the mean and standard deviation (n - 1) over seeds of the metric; the 95 % bootstrap interval is over patients, each
// patient's mean over seeds; the comparison with the reference is the paired Wilcoxon signed-rank test over the same patient means
// with Holm's correction over the rows. A run that is missing, unfinished, damaged or not evaluated is left out and named; a seed counts
// when all its folds do.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "eval/statistics.h"
#include "report/convergence.h"
#include "report/table_distances.h"
#include "report/table_spec.h"

namespace larmor::report {

struct Comparison {
  double difference = 0;  ///< mean over common patients of row - reference
  double p = 1, p_holm = 1;
  int64_t patients = 0;
};

/// A side that stands beside the compared one.
struct SideResult {
  std::string side;
  std::vector<double> seeds;
  double mean = 0, sd = 0;  ///< over seeds; NaN for none, for one
};

struct RowResult {
  std::vector<double> seeds;                      ///< the metric of each counted run
  std::map<std::string, double> patients;         ///< mean over seeds
  double mean = 0, sd = 0;                        ///< over seeds; NaN for none, for one
  eval::Interval interval;                        ///< over patients; NaN for fewer than two
  std::optional<Comparison> comparison;           ///< none for the reference and where there is nothing to compare
  double epochs_to_reach = 0;                     ///< mean over the trainings that got there; NaN for none
  int64_t reached = 0, never = 0;                 ///< trainings
  int64_t missed = 0, missed_of = 0;              ///< patients x seeds
  std::vector<RunCurve> curves;                   ///< validation metric of each training of the row
  std::vector<std::string> problems;              ///< "seed 2: not run"
  std::vector<SideResult> others;                 ///< sides but the first
  double epoch_seconds = 0, patient_seconds = 0;  ///< of training; of evaluation. Means over runs, NaN where there are none
  std::vector<DistanceResult> distances;          ///< of the compared side
  double memory_mib = 0;                          ///< the largest of the runs' processes; NaN where none tells
};

struct TableResult {
  TableSpec spec;
  std::vector<RowResult> rows;         ///< as spec.rows
  int64_t runs = 0, runs_counted = 0;  ///< evaluations that the plan asks for; that are there
  int64_t patients = 0;                ///< that any row has
  std::string source, split;           ///< "lgg", "validation"; several joined by " and "
  double threshold = 0;                ///< NaN when runs differ
  std::string preprocess;              ///< data.preprocess.kind where the prepared slices were scored; "": the source's own
  bool is_phantom = false, leaks = false;
  std::vector<std::string> notes;  ///< what a reader must know: other patients in a row, smallest possible p
};

TableResult collect_table(const TableSpec& spec, const TablePlan& plan);

}  // namespace larmor::report
