#include "eval/case_label_scores.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/error.h"
#include "eval/statistics.h"

namespace larmor::eval {

namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
constexpr double kConfidence = 0.95;
constexpr const char* kAccuracy = "type_accuracy";
constexpr const char* kBalancedAccuracy = "type_balanced_accuracy";

int64_t patients_of(const Confusion& confusion, size_t true_class) {
  const std::vector<int64_t>& row = confusion.counts[true_class];
  return std::accumulate(row.begin(), row.end(), int64_t{0});
}

/// Over the patients at `chosen`, repeats allowed.
double balanced_accuracy(const std::vector<CaseAnswer>& answers, std::span<const int64_t> chosen, size_t classes) {
  std::vector<int64_t> patients(classes), right(classes);
  for (const int64_t i : chosen) {
    const CaseAnswer& answer = answers[static_cast<size_t>(i)];
    patients[static_cast<size_t>(answer.truth)] += 1;
    right[static_cast<size_t>(answer.truth)] += answer.truth == answer.predicted;
  }
  double sum = 0;
  int64_t occurring = 0;
  for (size_t k = 0; k < classes; ++k) {
    if (patients[k] == 0) continue;
    sum += static_cast<double>(right[k]) / static_cast<double>(patients[k]);
    occurring += 1;
  }
  return occurring == 0 ? kNone : sum / static_cast<double>(occurring);
}

std::string rounded(double value) { return std::isnan(value) ? "–" : fmt::format("{:.4f}", value); }

std::string line_of(const Metric& metric) {
  const std::string interval = std::isnan(metric.low) ? "–" : fmt::format("[{:.3f}, {:.3f}]", metric.low, metric.high);
  const char* text = metric.name == kAccuracy ? "type: accuracy" : "type: balanced accuracy";
  std::string wrong;
  if (metric.name == kAccuracy && metric.count > 0) {
    wrong = fmt::format("{:>5} wrong", metric.count - std::llround(metric.value * static_cast<double>(metric.count)));
  }
  return fmt::format("  {:<38}{:>7}   {:<16}{:>6} {:<9}{}\n", text, rounded(metric.value), interval, metric.count,
                     metric.count == 1 ? "patient" : "patients", wrong);
}

}  // namespace

void CaseLabelScorer::add(const std::vector<datasets::CaseKey>& keys, const at::Tensor& probabilities) {
  const auto classes = static_cast<int64_t>(classes_.size());
  LARMOR_ASSERT(probabilities.dim() == 2 && probabilities.size(0) == static_cast<int64_t>(keys.size()) && probabilities.size(1) == classes);
  const at::Tensor values = probabilities.to(at::kDouble).contiguous();
  for (size_t i = 0; i < keys.size(); ++i) {
    const double* row = values.const_data_ptr<double>() + static_cast<int64_t>(i) * classes;
    if (!std::all_of(row, row + classes, [](double value) { return std::isfinite(value); })) {
      throw_run_error(keys[i].to_string() + ": the second head's output is not finite: its weights have diverged, or the input holds NaN");
    }
    slices_[keys[i].subject][keys[i]] = {row, row + classes};
  }
}

std::map<std::string, CaseAnswer> CaseLabelScorer::answers(const std::set<datasets::CaseKey>& with_lesion) const {
  std::map<std::string, CaseAnswer> answers;
  for (const auto& [subject, slices] : slices_) {
    const bool has_lesion = std::any_of(slices.begin(), slices.end(), [&](const auto& slice) { return with_lesion.contains(slice.first); });
    std::vector<double> sum(classes_.size());
    int64_t count = 0;
    for (const auto& [key, probabilities] : slices) {
      if (has_lesion && !with_lesion.contains(key)) continue;
      for (size_t k = 0; k < sum.size(); ++k) sum[k] += probabilities[k];
      ++count;
    }
    const auto highest = std::max_element(sum.begin(), sum.end());
    answers[subject] = {labels_.of(subject), highest - sum.begin(), *highest / static_cast<double>(count)};
  }
  return answers;
}

Confusion confusion_of(const std::map<std::string, CaseAnswer>& answers, const std::vector<std::string>& classes) {
  Confusion confusion{classes, std::vector<std::vector<int64_t>>(classes.size(), std::vector<int64_t>(classes.size()))};
  for (const auto& [subject, answer] : answers) {
    ++confusion.counts[static_cast<size_t>(answer.truth)][static_cast<size_t>(answer.predicted)];
  }
  return confusion;
}

double sensitivity_of(const Confusion& confusion, size_t true_class) {
  const int64_t patients = patients_of(confusion, true_class);
  return patients == 0 ? kNone : static_cast<double>(confusion.counts[true_class][true_class]) / static_cast<double>(patients);
}

const std::vector<std::string>& case_label_metric_names() {
  static const std::vector<std::string> names = {kAccuracy, kBalancedAccuracy};
  return names;
}

bool is_case_label_metric(const std::string& name) { return name == kAccuracy || name == kBalancedAccuracy; }

std::vector<Metric> case_label_metrics(const std::map<std::string, CaseAnswer>& answers, const std::vector<std::string>& classes,
                                       int64_t resamples) {
  std::vector<CaseAnswer> all;
  all.reserve(answers.size());
  for (const auto& [subject, answer] : answers) all.push_back(answer);
  const auto patients = static_cast<int64_t>(all.size());
  const int64_t right = std::count_if(all.begin(), all.end(), [](const CaseAnswer& answer) { return answer.truth == answer.predicted; });
  Metric accuracy{kAccuracy, kNone, patients}, balanced{kBalancedAccuracy, kNone, patients};
  if (patients > 0) {
    const Interval wilson = proportion_interval(right, patients, kConfidence);
    accuracy.value = static_cast<double>(right) / static_cast<double>(patients);
    accuracy.low = wilson.low;
    accuracy.high = wilson.high;
  }
  std::vector<int64_t> everyone(all.size());
  std::iota(everyone.begin(), everyone.end(), int64_t{0});
  balanced.value = balanced_accuracy(all, everyone, classes.size());
  const Interval interval = bootstrap(
      patients, [&](std::span<const int64_t> drawn) { return balanced_accuracy(all, drawn, classes.size()); }, kConfidence, resamples);
  balanced.low = interval.low;
  balanced.high = interval.high;
  return {accuracy, balanced};
}

std::string case_label_text(const std::vector<Metric>& metrics, const Confusion& confusion) {
  if (confusion.classes.empty()) return "";
  std::string text;
  for (const Metric& metric : metrics) {
    if (is_case_label_metric(metric.name)) text += line_of(metric);
  }
  text += fmt::format("\n  {:<24}", "type: true, predicted →");
  for (const std::string& name : confusion.classes) text += fmt::format("  {:>14}", printable(name));
  text += fmt::format("  {:>14}\n", "sensitivity");
  for (size_t k = 0; k < confusion.classes.size(); ++k) {
    text += fmt::format("  {:<24}", printable(confusion.classes[k]));
    for (const int64_t count : confusion.counts[k]) text += fmt::format("  {:>14}", count);
    text += fmt::format("  {:>14}\n", rounded(sensitivity_of(confusion, k)));
  }
  return text;
}

CsvTable confusion_table(const Confusion& confusion) {
  CsvTable table{{"type_true"}, {}};
  table.header.insert(table.header.end(), confusion.classes.begin(), confusion.classes.end());
  table.header.insert(table.header.end(), {"patients", "sensitivity"});
  for (size_t k = 0; k < confusion.classes.size(); ++k) {
    std::vector<std::string> row = {confusion.classes[k]};
    for (const int64_t count : confusion.counts[k]) row.push_back(std::to_string(count));
    row.push_back(std::to_string(patients_of(confusion, k)));
    row.push_back(csv_number(sensitivity_of(confusion, k)));
    table.rows.push_back(std::move(row));
  }
  return table;
}

}  // namespace larmor::eval
