#include "report/table_patients.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "report/table_numbers.h"

namespace larmor::report {

namespace {

/// Printed patients in the order of their values, the best first; then the others by name.
std::vector<std::string> patients_of(const TableResult& table) {
  std::vector<std::pair<double, std::string>> printed;
  for (const auto& [patient, value] : table.spec.published_patients) printed.emplace_back(-value, patient);
  std::sort(printed.begin(), printed.end());
  std::vector<std::string> names;
  names.reserve(printed.size());
  for (const auto& [value, patient] : printed) names.push_back(patient);
  std::set<std::string> others;
  for (const RowResult& row : table.rows) {
    for (const auto& [patient, value] : row.patients) {
      if (!table.spec.published_patients.contains(patient)) others.insert(patient);
    }
  }
  names.insert(names.end(), others.begin(), others.end());
  return names;
}

double value_in(const std::map<std::string, double>& values, const std::string& patient) {
  const auto found = values.find(patient);
  return found == values.end() ? std::numeric_limits<double>::quiet_NaN() : found->second;
}

std::string verdict_of(const RowResult& row, const TableSpec& spec) {
  double sum = 0;
  size_t found = 0;
  for (const auto& [patient, value] : spec.published_patients) {
    const double ours = value_in(row.patients, patient);
    if (std::isnan(ours)) continue;
    sum += ours;
    ++found;
  }
  if (found == 0) return "none of its patients is here";
  const double mean = sum / static_cast<double>(found);
  if (found < spec.published_patients.size()) {
    return fmt::format("{} over {} of its {} patients: no verdict", short_number(mean), found, spec.published_patients.size());
  }
  const bool is_inside = mean >= spec.published_band[0] && mean <= spec.published_band[1];
  return fmt::format("{}: {}", short_number(mean), is_inside ? "inside" : "OUTSIDE");
}

}  // namespace

bool has_published_patients(const TableSpec& spec) { return !spec.published_patients.empty(); }

int64_t published_patients_here(const TableResult& table) {
  const auto is_here = [&](const auto& printed) {
    return std::any_of(table.rows.begin(), table.rows.end(), [&](const RowResult& row) { return row.patients.contains(printed.first); });
  };
  return std::count_if(table.spec.published_patients.begin(), table.spec.published_patients.end(), is_here);
}

Table describe_patients(const TableResult& table) {
  Table shown{"Patients, mean over seeds.", {{"patient"}, {"published", true}}, {}, ""};
  for (const TableRow& row : table.spec.rows) shown.columns.push_back({row.name, true});
  for (const std::string& patient : patients_of(table)) {
    std::vector<Cell> cells{{patient}, {short_number(value_in(table.spec.published_patients, patient))}};
    for (const RowResult& row : table.rows) cells.push_back({short_number(value_in(row.patients, patient))});
    shown.rows.push_back(std::move(cells));
  }
  return shown;
}

CsvTable to_patients_csv(const TableResult& table) {
  CsvTable csv{{"patient", "published"}, {}};
  for (const TableRow& row : table.spec.rows) csv.header.push_back(row.name);
  for (const std::string& patient : patients_of(table)) {
    std::vector<std::string> cells{patient, number_or_empty(value_in(table.spec.published_patients, patient))};
    for (const RowResult& row : table.rows) cells.push_back(number_or_empty(value_in(row.patients, patient)));
    csv.rows.push_back(std::move(cells));
  }
  return csv;
}

std::string describe_band(const TableResult& table) {
  const TableSpec& spec = table.spec;
  if (spec.published_band[1] <= 0) return "";
  std::vector<std::string> verdicts;
  for (size_t i = 0; i < table.rows.size(); ++i) verdicts.push_back(spec.rows[i].name + " " + verdict_of(table.rows[i], spec));
  return fmt::format("Acceptance band {} to {} of the mean over the {} published patients: {}.", short_number(spec.published_band[0]),
                     short_number(spec.published_band[1]), spec.published_patients.size(), fmt::join(verdicts, "; "));
}

}  // namespace larmor::report
