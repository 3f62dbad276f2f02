// Scores of a case's label: the answers of a network's second head, slice by slice, against the patients' metadata.
//
// A patient's answer is the class of the highest mean probability (softmax) over the slices on which a lesion is predicted, in all its
// sessions; over all slices where none is. Of two equally probable classes the first.
//
//   type_accuracy            right answers / patients; interval: Wilson's
//   type_balanced_accuracy   mean, over the classes that occur, of right answers / patients of the class; bootstrap over patients
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "eval/case_label.h"
#include "eval/task.h"

namespace larmor::eval {

struct CaseAnswer {
  int64_t truth = 0, predicted = 0;
  double probability = 0;  ///< of the predicted class
};

class CaseLabelScorer {
 public:
  CaseLabelScorer(const CaseLabelOptions& options, const datasets::Source& source) : classes_(options.classes), labels_(options, source) {}
  /// `probabilities`: N x classes float, CPU. Error (run) where they are not finite.
  void add(const std::vector<datasets::CaseKey>& keys, const at::Tensor& probabilities);
  /// By subject. `with_lesion`: the slices on which one is predicted.
  std::map<std::string, CaseAnswer> answers(const std::set<datasets::CaseKey>& with_lesion) const;
  const std::vector<std::string>& classes() const { return classes_; }

 private:
  std::vector<std::string> classes_;
  CaseLabels labels_;
  std::map<std::string, std::map<datasets::CaseKey, std::vector<double>>> slices_;  ///< by subject
};

Confusion confusion_of(const std::map<std::string, CaseAnswer>& answers, const std::vector<std::string>& classes);
/// Right answers / patients of a true class; NaN without patients.
double sensitivity_of(const Confusion& confusion, size_t true_class);

/// The metrics' names in their order.
const std::vector<std::string>& case_label_metric_names();
bool is_case_label_metric(const std::string& name);
std::vector<Metric> case_label_metrics(const std::map<std::string, CaseAnswer>& answers, const std::vector<std::string>& classes,
                                       int64_t resamples);

/// For people: the metrics' lines, and the table of true and predicted classes; "" without classes.
std::string case_label_text(const std::vector<Metric>& metrics, const Confusion& confusion);
/// The same table: type_true, one column per predicted class, patients, sensitivity.
CsvTable confusion_table(const Confusion& confusion);

}  // namespace larmor::eval
