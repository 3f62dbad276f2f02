// What is learnt: how targets are encoded, outputs decoded, cases scored. Trainer, `eval` and `predict` know a task only by this.
#pragma once
#include <ATen/core/Tensor.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/csv.h"
#include "core/registry.h"
#include "datasets/sample.h"
#include "datasets/source.h"

namespace larmor::eval {

/// One aggregated number. `count` is how many cases stand behind it; `missed` how many of them had no overlap at all.
struct Metric {
  std::string name;  ///< "dice_patients", "dice_positive_slices", …
  double value = 0;
  int64_t count = 0;
  int64_t missed = 0;
};

/// The result of scoring a set of cases.
struct Evaluation {
  std::vector<Metric> metrics;
  CsvTable patients;  ///< one row per patient: the source of every mean
  CsvTable slices;    ///< one row per slice
  /// The metric, or an assertion.
  double value(const std::string& name) const;
  bool has(const std::string& name) const;
};

/// Scores one pass over a set; fed batch by batch in order.
class Evaluator {
 public:
  virtual ~Evaluator() = default;
  /// `probabilities`: N x C x H x W float, CPU, at the network's size; the batch carries source_labels.
  virtual void add(const datasets::Batch& batch, const at::Tensor& probabilities) = 0;
  virtual Evaluation finish() = 0;
};

class Task {
 public:
  virtual ~Task() = default;
  /// The target of a batch as its loss wants it (CPU): N x 1 x H x W float for one class, else N x H x W int64.
  virtual at::Tensor encode_target(const datasets::Batch& batch) const = 0;
  /// logits → probabilities (sigmoid for one class, else softmax).
  virtual at::Tensor activate(const at::Tensor& logits) const = 0;
  virtual std::unique_ptr<Evaluator> make_evaluator(const datasets::Source& source) const = 0;
  /// Names that `train.monitor` may take, the first is the default ("dice_patients").
  virtual std::vector<std::string> metric_names() const = 0;
};

}  // namespace larmor::eval
