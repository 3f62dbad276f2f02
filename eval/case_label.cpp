#include "eval/case_label.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "core/error.h"
#include "models/segmenter.h"

namespace larmor::eval {

namespace {

void require_column(const datasets::Source& source, const std::string& column) {
  std::set<std::string> columns;
  for (const datasets::Study& study : source.studies()) {
    for (const auto& [name, value] : study.metadata) columns.insert(name);
  }
  if (columns.contains(column)) return;
  if (columns.empty()) throw_usage_error("task.label " + in_quotes(column) + ": this source knows no metadata of its patients");
  throw_usage_error("task.label: " + unknown_name_message("column", column, {columns.begin(), columns.end()}, ""));
}

std::string wrong_classes(const CaseLabelOptions& options) {
  if (!options.is_wanted()) return options.classes.empty() ? "" : "needs task.label, the column that holds these values";
  if (options.classes.size() < 2) {
    return fmt::format("must list two or more values of {}, in the order of the head's outputs", in_quotes(options.column));
  }
  std::set<std::string> distinct;
  for (const std::string& name : options.classes) {
    if (!distinct.insert(name).second) return in_quotes(name) + " stands twice";
  }
  return "";
}

}  // namespace

void add_case_label(OptionTable& table, CaseLabelOptions& options) {
  OptionTable loss;
  loss.add("weight", options.loss_weight, "of the cross-entropy, added to the loss of the masks", greater_than(0));
  loss.add("label_smoothing", options.label_smoothing, "share of the target that is spread evenly over all classes", from_up_to(0, 1));
  table.add("label", options.column, "metadata column that a second head (model.aux_classes) learns, e.g. tumour_type; empty: none");
  table.add("label_classes", options.classes, "its values, in the order of the head's outputs");
  table.add("label_slices", options.slices, "which slices teach the label: those with a lesion, or all", {"lesion", "all"});
  table.add_table("label_loss", std::move(loss), "cross-entropy of the label");
  table.check("label_classes", [&options] { return wrong_classes(options); });
}

void require_label_head(const models::SegmenterInfo& info, const CaseLabelOptions& label) {
  const auto classes = static_cast<int64_t>(label.classes.size());
  if (info.label_classes == classes) return;
  throw_usage_error(fmt::format("model.aux_classes: {} does not fit task.label_classes; the classification head of {} must have {} classes",
                                info.label_classes, label.column, classes));
}

CaseLabels::CaseLabels(const CaseLabelOptions& options, const datasets::Source& source) : needs_lesion_(options.slices == "lesion") {
  require_column(source, options.column);
  for (const datasets::Study& study : source.studies()) {
    const auto value = study.metadata.find(options.column);
    if (value == study.metadata.end() || value->second.empty()) {
      throw_data_error(fmt::format("subject {}: has no {}, which task.label learns; fill it in, or leave the subject out (data.exclude)",
                                   study.subject, options.column));
    }
    const auto found = std::find(options.classes.begin(), options.classes.end(), value->second);
    if (found == options.classes.end()) {
      throw_data_error(
          fmt::format("subject {}: its {} {} is none of task.label_classes ({}); add it there and to model.aux_classes, or leave "
                      "the subject out (data.exclude)",
                      study.subject, options.column, in_quotes(value->second), fmt::join(options.classes, ", ")));
    }
    classes_[study.subject] = found - options.classes.begin();
  }
}

at::Tensor CaseLabels::encode(const datasets::Batch& batch) const {
  at::Tensor labels = at::empty({batch.count()}, at::kLong);
  const int64_t pixels = batch.shape[2] * batch.shape[3];
  for (int64_t i = 0; i < batch.count(); ++i) {
    const uint8_t* mask = batch.label + i * pixels;
    const bool counts = !needs_lesion_ || std::any_of(mask, mask + pixels, [](uint8_t value) { return value != 0; });
    labels.data_ptr<int64_t>()[i] = counts ? of(batch.keys[static_cast<size_t>(i)].subject) : kNoLabel;
  }
  return labels;
}

}  // namespace larmor::eval
