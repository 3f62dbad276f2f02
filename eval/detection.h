// Detection: is there a lesion, and where? Presence per slice and per case, lesions found and false alarms, beside the overlap of masks.
//
// A slice is positive where its mask has something, of any foreground class. A case is one session's volume, its slices placed by their
// numbers; a missing number separates what lies on both sides. Lesions and when they are found: lesions.h. Confidence is the probability
// of any foreground class.
//
//   slice_sensitivity         slices with a lesion that have a predicted pixel / slices with a lesion
//   slice_specificity         slices without either / slices without a lesion
//   slice_auc                 area under the ROC curve of the slices' highest confidence (Mann-Whitney: ties count half)
//   lesion_sensitivity        true lesions found / true lesions
//   lesion_precision          hits / predicted lesions but ignored ones
//   lesion_false_positives    false positives / cases
//   case_sensitivity          cases with a true lesion that have a predicted one, wherever it is / cases with a true lesion
//   case_specificity          cases without either / cases without a true lesion
//
// The smallest size is for lesions: a slice has none. Over nothing a ratio is NaN with count 0, and so is the AUC without slices of both
// kinds. `count` is the denominator (of the AUC: all slices), `missed` what of it a sensitivity did not find. Intervals are bootstraps over
// patients, for cases Wilson's.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "eval/lesions.h"
#include "eval/task.h"

namespace larmor::eval {

/// One slice on a ROC curve.
struct RankedSlice {
  float confidence = 0;
  bool is_positive = false;
  size_t patient = 0;  ///< index of its weight
};
/// Each slice counted as often as its patient's weight says; `ascending` by confidence. NaN without both kinds.
double area_under_curve(std::span<const RankedSlice> ascending, std::span<const int64_t> weights);

/// The metrics' names in their order.
const std::vector<std::string>& detection_metric_names();
bool is_detection_metric(const std::string& name);
/// Their lines in the table for people; "" when `metrics` has none of them.
std::string detection_text(const std::vector<Metric>& metrics);

/// Scores slices that come one by one, in any order. Memory holds the boxes around the masks of cases that are not complete yet.
class Detection {
 public:
  Detection(const LesionOptions& options, const datasets::Source& source);
  ~Detection();
  Detection(const Detection&) = delete;
  Detection& operator=(const Detection&) = delete;

  /// `confidence`: height x width float on the CPU, of the masks' size. Error (data): a slice of another size or spacing than those
  /// before of its case, or without spacing where smallest_mm3 asks for one.
  void add(const MaskedSlice& slice, const at::Tensor& confidence);

  struct Score {
    std::vector<Metric> metrics;
    /// patient, session, outcome, x, y, slice (first) and x_last, y_last, slice_last of the box, voxels, mm3 (empty without a spacing),
    /// confidence_max, confidence_mean
    CsvTable lesions;
  };
  Score finish(int64_t resamples);  ///< once, after the last slice

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace larmor::eval
