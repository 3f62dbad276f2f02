// Does the uncertainty tell where a network is wrong? Calibration over pixels, and the review list of eval/review.h with the Dice of each
// volume beside it and their rank correlation.
#pragma once
#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <utility>
#include <vector>

#include "datasets/source.h"
#include "eval/calibration.h"
#include "eval/predictor.h"
#include "eval/review.h"
#include "eval/task.h"

namespace larmor::eval {

struct UncertaintyResults {
  std::vector<ReviewRow> review;  ///< one per volume (a subject's session) with its Dice, the most uncertain first
  int64_t members = 0, pixels = 0;
  double calibration_error = 0;  ///< ECE
  std::vector<ReliabilityBin> bins;
  double correlation = 0;  ///< Spearman's, of uncertainty and Dice over the review; NaN where there is none
};

/// Fed beside an Evaluator. Memory: maps and masks of the volumes that have begun and not ended.
class UncertaintyEvaluator {
 public:
  UncertaintyEvaluator(double threshold, bool largest_component, const datasets::Source& source);
  /// What a predictor is to tell of the next batch; the batch must live until add().
  OnMember members_of(const datasets::Batch& batch);
  /// After members_of() of the same batch: its merged probabilities (N x classes x H x W, CPU).
  void add(const datasets::Batch& batch, const at::Tensor& probabilities);
  /// Once, with what the evaluator found.
  UncertaintyResults finish(const Evaluation& evaluation);

 private:
  struct Volume {
    explicit Volume(VolumeMembers all) : members(std::move(all)) {}
    VolumeMembers members;
    std::vector<int64_t> numbers;
    std::vector<imaging::Image> masks;
    std::vector<Uncertainty> maps;
    imaging::Geometry geometry;
  };
  using Name = std::pair<std::string, std::string>;  ///< subject, session

  void close(const Name& name);

  const double threshold_;
  const bool largest_component_;
  std::map<Name, int64_t> slices_of_;  ///< in the source
  std::map<Name, Volume> open_;
  std::vector<std::pair<Volume*, size_t>> batch_;  ///< volume and place of each item of the batch
  std::map<Name, ReviewRow> rows_;
  Calibration calibration_;
};

/// Bins as rows: low, high, pixels, probability, share.
CsvTable reliability_table(const UncertaintyResults& results);
/// Rows below those of a table of metrics.
std::string to_text(const UncertaintyResults& results);
/// {"members", "ece", "pixels", "bins": […], "spearman", "cases"}; numbers that do not exist are null.
nlohmann::json to_json(const UncertaintyResults& results);

}  // namespace larmor::eval
