// What an evaluation leaves behind: a table for people, evaluation.json, cases.csv, slices.csv, overlays/.
//
//   evaluation.json  {"format": "larmor-evaluation/1", "weights": […], "checksums": […], "recipe", "split", "threshold",
//   "largest_component", "surface_elements" ("" where no distances were taken),
//                     "data": {"source", "fingerprint", "preprocess", "phantom", "leaks", "patients", "slices", "slices_positive"},
//                     "evaluations": [{"tta", "merge", "merge_of", "seconds", "metrics": [{"name", "value", "low", "high", "count",
//                     "missed", of distances also "unit", "one_empty"}]}], "overlays": [{"rank": "best" | "median" | "worst", "patient",
//                     "slice", "dice", "file"}]}
//                    numbers that do not exist (an interval of one patient) are null
//                    grouped by a column: "group_by", and in each evaluation "groups": [{"group", "metrics": […]}]
//                    lesions counted: "lesions": {"overlap", "smallest_voxels", "smallest_mm3"}
//                    a label: "label", and in each evaluation "types": {"classes", "confusion": [[true × predicted]]}
//   cases.csv        the patients of every evaluation, first column `tta`
//   slices.csv       the same per slice
//   groups.csv       where patients are grouped: tta, group, metric, unit, patients, missed, one_empty (of distances), value, low,
//                    high
//   types.csv        where a second head tells the patients' type: type_true, one column per predicted type, patients, sensitivity
//   detections.csv   where lesions are counted (detection.h): the predicted ones and the true ones that were missed
//   overlays/        one PNG each of the best, the median and the worst patient of the first evaluation: their slice with most lesion,
//                    truth white, prediction orange, a legend below
#pragma once
#include <cstdint>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "core/csv.h"
#include "datasets/source.h"
#include "eval/groups.h"
#include "eval/lesions.h"
#include "eval/predictor.h"
#include "eval/readers.h"
#include "eval/task.h"
#include "eval/uncertainty_evaluator.h"

namespace larmor::eval {

/// One way of predicting and what came of it.
struct ScoredPredictor {
  PredictorOptions options;
  double seconds = 0;
  Evaluation evaluation;
  std::vector<GroupScore> groups;                 ///< where Results::group_by is given
  std::optional<UncertaintyResults> uncertainty;  ///< where it was asked for
};

struct Results {
  std::vector<std::string> weights;    ///< files, several for an ensemble
  std::vector<std::string> checksums;  ///< checksum_of_file() of each: what was scored, should the file be replaced later
  std::string recipe;
  std::string split;  ///< train | validation | test | hold_out
  double threshold = 0.5;
  bool largest_component = false;
  std::string surface_elements;          ///< surfels | voxels; "": no distances were taken
  std::string label;                     ///< column that the second head tells; "": none
  std::optional<LesionOptions> lesions;  ///< how they were counted; none: they were not
  std::string source;
  std::string fingerprint;
  std::string preprocess = "none";  ///< data.preprocess.kind; with any other the prepared slices are scored, not the source's own
  bool is_phantom = false;
  bool leaks = false;                ///< slices of one patient stood on both sides
  bool is_training_unknown = false;  ///< a network does not tell which patients it was trained on
  int64_t patients = 0, slices = 0, slices_positive = 0;
  std::string group_by;  ///< column of the metadata; "": patients are not grouped
  std::vector<ScoredPredictor> scored;
  std::optional<Readers> readers;  ///< of the same patients, where there are any
};

/// Fills what is known of the data: source, fingerprint, phantom, counts over `cases`.
void describe_data(Results& results, const datasets::Source& source, const std::vector<int64_t>& cases);

/// The aggregates of each evaluation with intervals, counts and misses; says phantom and leaking where it is so.
std::string to_text(const Results& results);
nlohmann::json to_json(const Results& results);
CsvTable case_table(const Results& results);
CsvTable slice_table(const Results& results);
CsvTable group_table(const Results& results);
CsvTable lesion_table(const Results& results);
CsvTable type_table(const Results& results);
CsvTable review_table(const Results& results);       ///< of what was asked for uncertainty
CsvTable reliability_table(const Results& results);  ///< the same

struct Overlay {
  std::string rank;  ///< best | median | worst
  datasets::CaseKey key;
  double dice = 0;   ///< of the patient
  std::string file;  ///< name inside overlays/
};
/// Which patients are shown: fewer than three patients give fewer ranks.
std::vector<Overlay> choose_overlays(const Evaluation& evaluation);
/// Draws the chosen slices as PNG files into `folder`.
void write_overlays(const std::filesystem::path& folder, const Evaluation& evaluation, const datasets::Source& source);
/// All files of the prologue, into `folder`. Error (run) when the disk refuses.
void write_results(const std::filesystem::path& folder, const Results& results, const datasets::Source& source);

}  // namespace larmor::eval
