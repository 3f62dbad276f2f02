#include "eval/groups.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <set>

#include "core/error.h"
#include "eval/statistics.h"

namespace larmor::eval {

namespace {

constexpr double kConfidence = 0.95;

/// A number before every text, numbers by size, texts as they are.
struct ByValue {
  static bool read(const std::string& text, double& value) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc() && end == text.data() + text.size() && value == value;
  }
  bool operator()(const std::string& a, const std::string& b) const {
    double x = 0, y = 0;
    const bool a_is_number = read(a, x), b_is_number = read(b, y);
    if (a_is_number != b_is_number) return a_is_number;
    if (a_is_number && x != y) return x < y;
    return a < b;
  }
};

std::map<std::string, std::string> groups_of(const datasets::Source& source, const std::string& column) {
  std::map<std::string, std::string> groups;
  for (const datasets::Study& study : source.studies()) {
    const auto found = study.metadata.find(column);
    groups[study.subject] = found == study.metadata.end() ? "" : found->second;
  }
  return groups;
}

/// One patient's rows, one per class.
struct PatientRows {
  std::vector<std::vector<std::string>> rows;
  double mean(size_t column) const {
    double sum = 0;
    for (const auto& row : rows) sum += std::stod(row[column]);
    return sum / static_cast<double>(rows.size());
  }
};

Metric mean_of(const std::string& name, const std::vector<PatientRows>& patients, size_t column, int64_t resamples) {
  std::vector<double> values;
  values.reserve(patients.size());
  for (const PatientRows& patient : patients) values.push_back(patient.mean(column));
  const Interval interval = bootstrap_mean(values, kConfidence, resamples);
  Metric metric{name};
  metric.count = static_cast<int64_t>(values.size());
  metric.value = mean(values);
  metric.low = interval.low;
  metric.high = interval.high;
  return metric;
}

/// Patients of whose classes at least one has this in the column.
int64_t count_with(const std::string& cell, const std::vector<PatientRows>& patients, size_t column) {
  return std::count_if(patients.begin(), patients.end(), [&](const PatientRows& patient) {
    return std::any_of(patient.rows.begin(), patient.rows.end(), [&](const auto& row) { return row[column] == cell; });
  });
}

}  // namespace

std::vector<GroupScore> score_groups(const Evaluation& evaluation, const datasets::Source& source, const std::string& column,
                                     int64_t resamples) {
  require_column(source, column);
  const std::map<std::string, std::string> groups = groups_of(source, column);
  const CsvTable& table = evaluation.patients;
  const size_t name = table.column("patient"), dice = table.column("dice"), missed = table.column("missed");
  std::map<std::string, PatientRows> patients;
  for (const auto& row : table.rows) patients[row[name]].rows.push_back(row);
  std::map<std::string, std::vector<PatientRows>, ByValue> members;
  for (auto& [patient, rows] : patients) members[groups.at(patient)].push_back(std::move(rows));

  const auto distance = std::find_if(table.header.begin(), table.header.end(), [](const auto& h) { return h.starts_with("hd95_"); });
  std::vector<GroupScore> scores;
  for (const auto& [group, rows] : members) {
    scores.push_back({group, {mean_of("dice_patients", rows, dice, resamples)}});
    std::vector<Metric>& metrics = scores.back().metrics;
    if (distance != table.header.end()) {
      metrics.push_back(mean_of("hd95_patients", rows, static_cast<size_t>(distance - table.header.begin()), resamples));
      metrics.back().unit = distance->substr(distance->find('_') + 1);
      metrics.back().one_empty = count_with("one", rows, table.column("surfaces"));
    }
    for (Metric& metric : metrics) metric.missed = count_with("1", rows, missed);
  }
  return scores;
}

void require_column(const datasets::Source& source, const std::string& column) {
  std::set<std::string> columns;
  for (const datasets::Study& study : source.studies()) {
    for (const auto& [name, value] : study.metadata) columns.insert(name);
  }
  if (columns.contains(column)) return;
  if (columns.empty()) throw_usage_error("--group-by " + column + ": this source knows no metadata of its patients");
  throw_usage_error("--group-by: " + unknown_name_message("column", column, {columns.begin(), columns.end()}, ""));
}

}  // namespace larmor::eval
