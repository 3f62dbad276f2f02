// What lies in the folder of a run, read for reports. Whatever is missing is simply absent here; a damaged file is an Error (data)
// that names it.
#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/config.h"
#include "core/csv.h"

namespace larmor::report {

/// Shown on top of everything that is made from such runs.
inline constexpr const char* kPhantomBanner =
    "PHANTOM DATA: synthetic pictures, no patients. These numbers say that the program works, nothing else.";
inline constexpr const char* kLeakBanner =
    "LEAKING SPLIT: slices of one patient stand on both sides. These numbers are too good to be true.";

/// One row of metrics.csv; NaN where not measured.
struct EpochRecord {
  int64_t epoch = 0;  ///< from 1
  double loss = 0, validation_loss = 0, lr = 0, seconds = 0, wait_share = 0, images_per_second = 0;
  double steps = 0, skipped_steps = 0;  ///< of the optimizer; skipped because a loss or a gradient was not finite
  std::map<std::string, double> metrics;
};

/// The start event of log.jsonl (of the last start or resumption).
struct StartRecord {
  std::string recipe, command, device, versions, source, fingerprint, model;
  int64_t threads = 0, seed = 0, patients = 0, slices = 0, parameters = 0, used_parameters = 0;
  std::string train_side, validation_side;  ///< "6 patients, 123 slices (40 with label)"
  bool is_phantom = false, leaks = false;
  std::string time;  ///< ISO 8601
};

/// What all end and interruption events add up to.
struct EndRecord {
  bool is_finished = false;  ///< the last event says so
  bool stopped_early = false;
  int64_t best_epoch = 0, sessions = 0;
  double best_value = 0, wall_seconds = 0, wait_seconds = 0;
  int64_t process_peak_memory = 0;  ///< bytes, of the largest session's process; 0: not told
};

struct MetricRecord {
  std::string name;
  double value = 0, low = 0, high = 0;  ///< NaN where there is none
  int64_t count = 0, missed = 0;
  std::string unit;  ///< of distances and tolerances: "mm" or "px"
  int64_t one_empty = 0;
};

/// What `larmor eval --uncertainty` adds; NaN where there is none.
struct UncertaintyRecord {
  int64_t members = 0, cases = 0;
  double ece = 0, spearman = 0;
};

struct EvaluationRecord {
  std::string tta, merge, merge_of;
  double seconds = 0;
  std::vector<MetricRecord> metrics;
  std::optional<UncertaintyRecord> uncertainty;
  const MetricRecord* find(const std::string& metric) const;
};

struct OverlayRecord {
  std::string rank, patient, file;  ///< file: name inside overlays/
  int64_t slice = 0;
  double dice = 0;
};

/// Two readers of the patients that were scored (`larmor eval --readers`).
struct ReadersRecord {
  int64_t cases = 0, volumes = 0;  ///< read by both and scored; scored
  bool is_phantom = false;
  std::vector<MetricRecord> metrics;
};

/// evaluation.json, see eval/results.h.
struct EvaluationFile {
  std::string split, source, fingerprint;
  std::vector<std::string> checksums;  ///< of the weights that were scored
  std::string preprocess = "none";     ///< data.preprocess.kind: any other scores the prepared slices, not the source's own
  double threshold = 0.5;
  bool largest_component = false, is_phantom = false, leaks = false;
  int64_t patients = 0, slices = 0, slices_positive = 0;
  std::vector<EvaluationRecord> evaluations;
  std::vector<OverlayRecord> overlays;
  std::optional<ReadersRecord> readers;
  const EvaluationRecord* find(const std::string& tta) const;
};

struct RunFiles {
  std::filesystem::path root;
  ConfigNode recipe;  ///< null when missing
  std::optional<StartRecord> start;
  std::optional<EndRecord> end;
  std::vector<EpochRecord> epochs;
  std::vector<std::string> metric_names;  ///< of the epochs, in file order
  std::optional<EvaluationFile> evaluation;
  bool has_outdated_evaluation = false;  ///< evaluation.json scores other weights than checkpoints/best is now: it is left out
  CsvTable cases;                        ///< of cases.csv; no header when missing
  bool is_phantom() const;
  bool leaks() const;
  std::string source() const;
  std::string fingerprint() const;
  /// Text of a recipe's scalar at a dotted path, `otherwise` when absent.
  std::string recipe_value(const std::string& dotted, const std::string& otherwise) const;
};

/// Error (data): not a folder, neither recipe nor log in it, a damaged file.
RunFiles read_run(const std::filesystem::path& folder);

/// Only what an evaluation has left in a folder: evaluation.json and cases.csv, where they score just these `weights` as they are now.
RunFiles read_evaluation_of(const std::filesystem::path& folder, const std::vector<std::filesystem::path>& weights);

/// What was scored after a preparation: "slices as prepared by data.preprocess.kind buda, …".
std::string prepared_slices(const std::string& preprocess);

/// A number as written in a CSV cell; "" is NaN. Error (data) with `place` otherwise.
double parse_number(const std::string& text, const std::string& place);

}  // namespace larmor::report
