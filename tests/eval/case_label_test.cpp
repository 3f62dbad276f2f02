#include "eval/case_label.h"

#include <gtest/gtest.h>

#include "tests/eval/support.h"

namespace larmor::eval {
namespace {

using testing::message_of;
using testing::TypedSource;

CaseLabelOptions types() {
  CaseLabelOptions options;
  options.column = "tumour_type";
  options.classes = {"neurinoma", "glioblastoma"};
  return options;
}

/// Two slices of 1 x 2 pixels; the second has no lesion.
struct TwoSlices {
  std::vector<uint8_t> pixels = {0, 1, 0, 0};
  datasets::Batch batch;
  TwoSlices() {
    batch.keys = {{"b", "", 1}, {"a", "", 2}};
    batch.shape = {2, 3, 1, 2};
    batch.label = pixels.data();
  }
};

std::vector<int64_t> encoded(const CaseLabelOptions& options) {
  const TypedSource source({{"a", "neurinoma"}, {"b", "glioblastoma"}});
  const TwoSlices two;
  const at::Tensor labels = CaseLabels(options, source).encode(two.batch);
  EXPECT_EQ(labels.scalar_type(), at::kLong);
  return {labels.data_ptr<int64_t>(), labels.data_ptr<int64_t>() + labels.numel()};
}

TEST(CaseLabel, SlicesHaveTheirPatientsClass) {
  CaseLabelOptions options = types();
  EXPECT_EQ(encoded(options), (std::vector<int64_t>{1, CaseLabels::kNoLabel})) << "nothing in a slice without lesion tells its type";
  options.slices = "all";
  EXPECT_EQ(encoded(options), (std::vector<int64_t>{1, 0}));
}

TEST(CaseLabel, Keys) {
  CaseLabelOptions options;
  OptionTable table;
  add_case_label(table, options);
  Problems problems;
  table.read(
      parse_yaml("{label: grade, label_classes: [II, III], label_slices: all, label_loss: {weight: 2, label_smoothing: 0.1}}", "a.yaml"),
      problems, "task.");
  EXPECT_TRUE(problems.empty());
  EXPECT_EQ(options.column, "grade");
  EXPECT_EQ(options.classes, (std::vector<std::string>{"II", "III"}));
  EXPECT_EQ(options.slices, "all");
  EXPECT_EQ(options.loss_weight, 2);
  EXPECT_EQ(options.label_smoothing, 0.1);
}

TEST(CaseLabelErrors, Keys) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"{label: grade}", "task.label_classes: must list two or more values of 'grade', in the order of the head's outputs"},
      {"{label: grade, label_classes: [II]}",
       "task.label_classes: must list two or more values of 'grade', in the order of the head's outputs"},
      {"{label: grade, label_classes: [II, III, II]}", "task.label_classes: 'II' stands twice"},
      {"{label_classes: [II, III]}", "task.label_classes: needs task.label, the column that holds these values"},
      {"{label_slices: some}", "task.label_slices: unknown value 'some'; allowed: lesion, all"},
      {"{label_loss: {weight: 0}}", "task.label_loss.weight: 0 is not allowed; must be > 0"},
      {"{label_loss: {label_smoothing: 1}}", "task.label_loss.label_smoothing: 1 is not allowed; must be in [0, 1)"}};
  for (const auto& [text, message] : cases) {
    CaseLabelOptions options;
    OptionTable table;
    add_case_label(table, options);
    Problems problems;
    table.read(parse_yaml(text, "a.yaml"), problems, "task.");
    EXPECT_EQ(problems.lines(), std::vector<std::string>{"a.yaml:1: " + message}) << text;
  }
}

TEST(CaseLabelErrors, ThePatientsMetadata) {
  const auto message = [](const CaseLabelOptions& options, const std::map<std::string, std::string>& values) {
    const TypedSource source(values);
    return message_of([&] { const CaseLabels labels(options, source); });
  };
  CaseLabelOptions options = types();
  EXPECT_EQ(message(options, {{"a", "neurinoma"}, {"b", ""}}),
            "subject b: has no tumour_type, which task.label learns; fill it in, or leave the subject out (data.exclude)");
  EXPECT_EQ(message(options, {{"a", "neurinoma"}, {"b", "-"}}),
            "subject b: has no tumour_type, which task.label learns; fill it in, or leave the subject out (data.exclude)");
  EXPECT_EQ(message(options, {{"a", "meningioma"}}),
            "subject a: its tumour_type 'meningioma' is none of task.label_classes (neurinoma, glioblastoma); add it there and to "
            "model.aux_classes, or leave the subject out (data.exclude)");
  options.column = "tumor_type";
  EXPECT_EQ(message(options, {{"a", "neurinoma"}}), "task.label: unknown column 'tumor_type'; nearest: 'tumour_type'");
  EXPECT_EQ(message(options, {{"a", "-"}}), "task.label 'tumor_type': this source knows no metadata of its patients");
}

}  // namespace
}  // namespace larmor::eval
