#include "report/table_distances.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "eval/statistics.h"
#include "report/table.h"
#include "report/table_numbers.h"

namespace larmor::report {

namespace {

constexpr std::string_view kOverPatients = "_patients";

/// A distance of one seed: the mean over the patients of its evaluations.
struct SeedSum {
  double sum = 0;
  int64_t count = 0, one_empty = 0;
};

SeedSum sum_of(const std::vector<const EvaluationRecord*>& evaluations, const MetricRecord& wanted) {
  SeedSum seed;
  for (const EvaluationRecord* evaluation : evaluations) {
    const MetricRecord* metric = evaluation->find(wanted.name);
    if (metric == nullptr || metric->unit != wanted.unit) return {};
    if (metric->count == 0 || !std::isfinite(metric->value)) continue;
    seed.sum += metric->value * static_cast<double>(metric->count);
    seed.count += metric->count;
    seed.one_empty += metric->one_empty;
  }
  return seed;
}

/// Distances that any row has, in order.
std::vector<std::pair<std::string, std::string>> columns_of(const TableResult& table) {
  std::vector<std::pair<std::string, std::string>> columns;
  for (const RowResult& row : table.rows) {
    for (const DistanceResult& distance : row.distances) {
      const std::pair column{distance.name, distance.unit};
      if (std::find(columns.begin(), columns.end(), column) == columns.end()) columns.push_back(column);
    }
  }
  return columns;
}

const DistanceResult* find(const RowResult& row, const std::pair<std::string, std::string>& column) {
  const auto found = std::find_if(row.distances.begin(), row.distances.end(), [&](const DistanceResult& distance) {
    return distance.name == column.first && distance.unit == column.second;
  });
  return found == row.distances.end() ? nullptr : &*found;
}

std::string digits_of(double value, bool is_ratio) {
  if (!std::isfinite(value)) return kNothing;
  return is_ratio ? short_number(value) : fmt::format("{:.2f}", value);
}

std::string text_of(const DistanceResult& distance) {
  const bool is_ratio = distance.name.starts_with("nsd_");
  const std::string mean = digits_of(distance.mean, is_ratio);
  return distance.seeds.size() < 2 ? mean : mean + " ± " + digits_of(distance.sd, is_ratio);
}

/// "0 of 6", or a number for each where classes differ.
std::string empty_text(const RowResult& row) {
  std::vector<std::string> texts;
  for (const DistanceResult& distance : row.distances) {
    std::string text = fmt::format("{} of {}", distance.one_empty, distance.count);
    if (std::find(texts.begin(), texts.end(), text) == texts.end()) texts.push_back(std::move(text));
  }
  std::string all;
  for (const std::string& text : texts) all += (all.empty() ? "" : ", ") + text;
  return all.empty() ? kNothing : all;
}

}  // namespace

bool is_distance(const MetricRecord& metric) {
  return !metric.unit.empty() && (metric.name.starts_with("hd95_") || metric.name.starts_with("assd_") || metric.name.starts_with("nsd_"));
}

std::string distance_label(const std::string& name, const std::string& unit) {
  const size_t end = std::min(name.find(kOverPatients), name.size());
  const std::string rest = name.substr(std::min(end + kOverPatients.size(), name.size()));
  const std::string of_class = rest.empty() ? "" : ", class " + rest.substr(1);
  if (name.starts_with("nsd_")) return fmt::format("NSD at {} {}{}", name.substr(4, end - 4), unit, of_class);
  return fmt::format("{} ({}){}", name.starts_with("hd95") ? "HD95" : "ASSD", unit, of_class);
}

std::vector<DistanceResult> summarise_distances(const std::vector<std::vector<const EvaluationRecord*>>& seeds) {
  std::vector<DistanceResult> distances;
  if (seeds.empty() || seeds[0].empty()) return distances;
  for (const MetricRecord& wanted : seeds[0][0]->metrics) {
    if (!is_distance(wanted)) continue;
    DistanceResult distance{.name = wanted.name, .unit = wanted.unit, .seeds = {}};
    for (const auto& evaluations : seeds) {
      const SeedSum seed = sum_of(evaluations, wanted);
      if (seed.count == 0) continue;
      distance.seeds.push_back(seed.sum / static_cast<double>(seed.count));
      distance.count += seed.count;
      distance.one_empty += seed.one_empty;
    }
    if (distance.seeds.empty()) continue;
    distance.mean = eval::mean(distance.seeds);
    distance.sd = eval::standard_deviation(distance.seeds);
    distances.push_back(std::move(distance));
  }
  return distances;
}

bool has_distances(const TableResult& table) {
  return std::any_of(table.rows.begin(), table.rows.end(), [](const RowResult& row) { return !row.distances.empty(); });
}

Table describe_distances(const TableResult& table) {
  Table shown{fmt::format("Surface distances: mean over patients, ± SD over seeds. One mask empty: the diagonal of the volume, NSD 0; both "
                          "empty: 0, NSD 1.{}",
                          table.is_phantom ? " Phantom data." : ""),
              {{"row"}},
              {},
              ""};
  const auto columns = columns_of(table);
  for (const auto& [name, unit] : columns) shown.columns.push_back({distance_label(name, unit), true});
  shown.columns.push_back({"one mask empty", true});
  for (size_t i = 0; i < table.rows.size(); ++i) {
    std::vector<Cell> row{{table.spec.rows[i].name}};
    for (const auto& column : columns) {
      const DistanceResult* distance = find(table.rows[i], column);
      row.push_back({distance == nullptr ? kNothing : text_of(*distance)});
    }
    row.push_back({empty_text(table.rows[i])});
    shown.rows.push_back(std::move(row));
  }
  return shown;
}

CsvTable to_distances_csv(const TableResult& table) {
  CsvTable csv{{"row", "metric", "unit", "seeds", "mean", "sd", "cases", "one_empty"}, {}};
  for (size_t i = 0; i < table.rows.size(); ++i) {
    for (const DistanceResult& distance : table.rows[i].distances) {
      csv.rows.push_back({table.spec.rows[i].name, distance.name, distance.unit, std::to_string(distance.seeds.size()),
                          number_or_empty(distance.mean), number_or_empty(distance.sd), std::to_string(distance.count),
                          std::to_string(distance.one_empty)});
    }
  }
  return csv;
}

}  // namespace larmor::report
