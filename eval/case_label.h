// The label of a whole case, such as the tumour type: what a network's second head learns beside the masks.
//
// The label is a column of the patients' metadata. Every slice of a patient has the patient's; slices without a lesion do not count by
// default, for nothing in them tells the type. How answers are scored: case_label_scores.h.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/options.h"
#include "datasets/sample.h"
#include "datasets/source.h"

namespace larmor::models {
struct SegmenterInfo;
}

namespace larmor::eval {

struct CaseLabelOptions {
  std::string column;                ///< of the metadata; "": there is no label
  std::vector<std::string> classes;  ///< its values in the order of the head's outputs
  std::string slices = "lesion";     ///< which slices count while training: lesion | all
  double loss_weight = 0.5;          ///< of the label's cross-entropy, added to the masks' loss
  double label_smoothing = 0;        ///< share of its target that is spread evenly over all classes
  bool is_wanted() const { return !column.empty(); }
};
/// The keys label, label_classes, label_slices, label_loss.
void add_case_label(OptionTable& table, CaseLabelOptions& options);

/// Error (usage): a network without a second head, or whose head has another number of classes.
void require_label_head(const models::SegmenterInfo& info, const CaseLabelOptions& label);

/// Every patient's class.
class CaseLabels {
 public:
  static constexpr int64_t kNoLabel = -1;  ///< of a slice that does not count

  /// Error (usage): a column that no patient has (nearest name told). Error (data): a patient without a value, or with one that is none
  /// of the classes.
  CaseLabels(const CaseLabelOptions& options, const datasets::Source& source);
  int64_t of(const std::string& subject) const { return classes_.at(subject); }
  /// N int64: the class of each slice; kNoLabel where its mask (at the network's size, augmented) is empty and only lesions count.
  at::Tensor encode(const datasets::Batch& batch) const;

 private:
  std::map<std::string, int64_t> classes_;
  bool needs_lesion_;
};

}  // namespace larmor::eval
