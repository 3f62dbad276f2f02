// What is learnt: how targets are encoded, outputs decoded, cases scored. Trainer, `eval` and `predict` know a task only by this.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "core/csv.h"
#include "core/registry.h"
#include "datasets/sample.h"
#include "datasets/source.h"
#include "eval/case_label.h"
#include "imaging/image.h"

namespace larmor::eval {

/// One aggregated number. `count` is how many cases stand behind it; `missed` how many of them had a lesion and no overlap at all.
struct Metric {
  std::string name;  ///< "dice_patients", "dice_positive_slices", …
  double value = 0;
  int64_t count = 0;
  int64_t missed = 0;
  double low = std::numeric_limits<double>::quiet_NaN();  ///< 95 % bootstrap interval over patients; NaN where there is none
  double high = std::numeric_limits<double>::quiet_NaN();
  std::string unit;       ///< of distances, of the tolerance for NSD: "mm" or "px"; "" for ratios
  int64_t one_empty = 0;  ///< of distances and NSD: cases that got the stated worst value, for one of their masks is empty
};

/// One slice with its masks (u8, source size, non-zero = inside), for pictures.
struct MaskedSlice {
  datasets::CaseKey key;
  imaging::Image truth;
  imaging::Image prediction;
};

/// Patients by the true (first) and the predicted class of their label.
struct Confusion {
  std::vector<std::string> classes;
  std::vector<std::vector<int64_t>> counts;
};

/// The result of scoring a set of cases.
struct Evaluation {
  std::vector<Metric> metrics;
  CsvTable patients;  ///< one row per patient: the source of every mean
  CsvTable slices;    ///< one row per slice
  CsvTable lesions;   ///< one row per predicted lesion and per true one that was missed, where lesions are counted; else no header
  Confusion types;    ///< where the task has a label; else no classes
  /// Per patient, in the order of `patients`, the slice with most lesion (most predicted pixels where there is no lesion).
  std::vector<MaskedSlice> largest_lesions;
  /// The metric, or an assertion.
  double value(const std::string& name) const;
  const Metric& metric(const std::string& name) const;
  bool has(const std::string& name) const;
};

/// Scores one pass over a set; fed batch by batch in order.
class Evaluator {
 public:
  virtual ~Evaluator() = default;
  /// `probabilities`: N x C x H x W float, CPU, at the network's size; the batch carries source_labels.
  virtual void add(const datasets::Batch& batch, const at::Tensor& probabilities) = 0;
  /// Where the task has a label: the answers of the second head, N x label classes float, CPU.
  virtual void add_labels(const datasets::Batch& /*batch*/, const at::Tensor& /*probabilities*/) {}
  virtual Evaluation finish() = 0;  ///< once, after the last batch
};

class Task {
 public:
  virtual ~Task() = default;
  /// The target of a batch as its loss wants it (CPU): N x 1 x H x W float for one class, else N x H x W int64.
  virtual at::Tensor encode_target(const datasets::Batch& batch) const = 0;
  /// logits → probabilities (sigmoid for one class, else softmax).
  virtual at::Tensor activate(const at::Tensor& logits) const = 0;
  virtual std::unique_ptr<Evaluator> make_evaluator(const datasets::Source& source) const = 0;
  /// What a second head learns of whole images beside the masks; not wanted: nothing.
  virtual CaseLabelOptions label() const { return {}; }
  /// True when a class means left or right: then mirrored views are refused, for they would swap it.
  virtual bool is_lateral() const { return false; }
  /// Names that `train.monitor` may take, the first is the default ("dice_patients").
  virtual std::vector<std::string> metric_names() const = 0;
};

}  // namespace larmor::eval
