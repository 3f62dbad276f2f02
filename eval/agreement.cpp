#include "eval/agreement.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>

#include "core/error.h"
#include "core/files.h"
#include "core/progress.h"
#include "eval/overlap.h"
#include "eval/review.h"
#include "eval/statistics.h"
#include "eval/surface_distance.h"

namespace larmor::eval {

namespace {

using imaging::Image;
using Json = nlohmann::json;

constexpr const char* kFormat = "larmor-agreement/1";
constexpr size_t kLabels = 256;
constexpr double kBothEmpty = 1;
constexpr double kPercent = 95;
constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

std::vector<int64_t> count_pairs(const Image& first, const Image& second) {
  std::vector<int64_t> pairs(kLabels * kLabels, 0);
  const uint8_t *a = first.data<uint8_t>(), *b = second.data<uint8_t>();
  for (int64_t i = 0; i < first.voxels(); ++i) pairs[a[i] * kLabels + b[i]] += 1;
  return pairs;
}

/// Background against all labels together.
std::array<int64_t, 4> foreground_pairs(const std::vector<int64_t>& pairs) {
  std::array<int64_t, 4> counts{};
  for (size_t a = 0; a < kLabels; ++a) {
    for (size_t b = 0; b < kLabels; ++b) counts[2 * (a != 0) + (b != 0)] += pairs[a * kLabels + b];
  }
  return counts;
}

/// How often each reader gives a label, and both at once.
struct LabelCount {
  int64_t first = 0, second = 0, both = 0;
};

std::map<int64_t, LabelCount> count_labels(const std::vector<int64_t>& pairs) {
  std::map<int64_t, LabelCount> counts;
  for (size_t a = 0; a < kLabels; ++a) {
    for (size_t b = 0; b < kLabels; ++b) {
      const int64_t count = pairs[a * kLabels + b];
      if (count == 0) continue;
      if (a != 0) counts[static_cast<int64_t>(a)].first += count;
      if (b != 0) counts[static_cast<int64_t>(b)].second += count;
      if (a != 0 && a == b) counts[static_cast<int64_t>(a)].both += count;
    }
  }
  return counts;
}

Metric mean_of(const std::string& name, const std::vector<double>& values, const std::string& unit, int64_t one_empty) {
  const Interval interval = bootstrap_mean(values);
  return {name, mean(values), static_cast<int64_t>(values.size()), 0, interval.low, interval.high, unit, one_empty};
}

void require_one_unit(const std::vector<CaseAgreement>& cases) {
  for (const CaseAgreement& one : cases) {
    if (one.unit == cases[0].unit) continue;
    const bool has_spacing = cases[0].unit == "mm";
    throw_data_error(fmt::format("{} stores {} and {} {}: their distances have no common unit; compare them apart", cases[0].name,
                                 has_spacing ? "a voxel size" : "no voxel size", one.name, has_spacing ? "none" : "one"));
  }
}

std::set<int64_t> labels_of(const std::vector<CaseAgreement>& cases) {
  std::set<int64_t> labels;
  for (const CaseAgreement& one : cases) {
    for (const auto& [label, dice] : one.dice_of_labels) labels.insert(label);
  }
  return labels;
}

double dice_of_label(const CaseAgreement& one, int64_t label) {
  const auto found = one.dice_of_labels.find(label);
  return found == one.dice_of_labels.end() ? kNone : found->second;
}

std::string name_text(const Metric& metric) {
  if (metric.name == "dice") return "Dice, foreground";
  if (metric.name == "hd95") return "HD95 in " + metric.unit + ", foreground";
  if (metric.name == "kappa") return "Cohen's kappa, foreground";
  if (metric.name == "kappa_labels") return "Cohen's kappa, all labels";
  return "Dice, label " + metric.name.substr(metric.name.find('.') + 1);
}

Json number_or_null(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }
double number_of(const Json& value) { return value.is_null() ? kNone : value.get<double>(); }

Json to_json(const CaseAgreement& one) {
  Json labels = Json::object();
  for (const auto& [label, dice] : one.dice_of_labels) labels[std::to_string(label)] = dice;
  return {{"case", one.name},
          {"dice", one.dice},
          {"hd95", one.hd95},
          {"kappa", one.kappa},
          {"kappa_labels", number_or_null(one.kappa_labels)},
          {"dice_of_labels", labels},
          {"volume_first", one.volume_first},
          {"volume_second", one.volume_second},
          {"unit", one.unit},
          {"one_empty", one.one_empty}};
}

CaseAgreement case_of(const Json& json) {
  CaseAgreement one;
  one.name = json.at("case").get<std::string>();
  one.dice = json.at("dice").get<double>();
  one.hd95 = json.at("hd95").get<double>();
  one.kappa = json.at("kappa").get<double>();
  one.kappa_labels = number_of(json.at("kappa_labels"));
  for (const auto& [label, dice] : json.at("dice_of_labels").items()) one.dice_of_labels[std::stoll(label)] = dice.get<double>();
  one.volume_first = json.at("volume_first").get<double>();
  one.volume_second = json.at("volume_second").get<double>();
  one.unit = json.at("unit").get<std::string>();
  one.one_empty = json.at("one_empty").get<bool>();
  return one;
}

}  // namespace

double cohen_kappa(std::span<const int64_t> pairs, size_t labels) {
  LARMOR_ASSERT(pairs.size() == labels * labels);
  double all = 0, agreed = 0, by_chance = 0;
  for (size_t i = 0; i < labels; ++i) {
    double row = 0, column = 0;
    for (size_t j = 0; j < labels; ++j) {
      row += static_cast<double>(pairs[i * labels + j]);
      column += static_cast<double>(pairs[j * labels + i]);
    }
    all += row;
    agreed += static_cast<double>(pairs[i * labels + i]);
    by_chance += row * column;
  }
  if (agreed == all) return 1;
  return (agreed * all - by_chance) / (all * all - by_chance);
}

CaseAgreement agree(const std::string& name, const Image& first, const Image& second) {
  LARMOR_ASSERT(first.size == second.size && first.channels == 1 && second.channels == 1);
  LARMOR_ASSERT(first.type == imaging::PixelType::u8 && second.type == imaging::PixelType::u8);
  const std::vector<int64_t> pairs = count_pairs(first, second);
  const std::array<int64_t, 4> counts = foreground_pairs(pairs);
  const Overlap overlap{counts[3], counts[1], counts[2], counts[0]};
  const SurfaceScore surfaces = score_surfaces(measure_surfaces(first, second), {}, diagonal_of(first.size, first.geometry));
  CaseAgreement one;
  one.name = name;
  one.dice = overlap.dice(kBothEmpty);
  one.hd95 = surfaces.hd95;
  one.kappa = cohen_kappa(counts, 2);
  one.kappa_labels = kNone;
  one.unit = first.geometry.has_spacing ? "mm" : "px";
  one.one_empty = surfaces.present == SurfacesPresent::one;
  const double voxel = first.geometry.has_spacing ? voxel_mm3_of(first.geometry) : 1;
  one.volume_first = voxel * static_cast<double>(counts[2] + counts[3]);
  one.volume_second = voxel * static_cast<double>(counts[1] + counts[3]);
  const std::map<int64_t, LabelCount> labels = count_labels(pairs);
  if (labels.size() < 2) return one;
  one.kappa_labels = cohen_kappa(pairs, kLabels);
  for (const auto& [label, count] : labels) {
    one.dice_of_labels[label] = 2 * static_cast<double>(count.both) / static_cast<double>(count.first + count.second);
  }
  return one;
}

std::vector<Metric> means_of(const std::vector<CaseAgreement>& cases) {
  require_one_unit(cases);
  const auto one_empty = std::count_if(cases.begin(), cases.end(), [](const CaseAgreement& one) { return one.one_empty; });
  const auto mean_over = [&](const std::string& metric, const std::string& unit, const auto& value) {
    std::vector<double> values;
    for (const CaseAgreement& one : cases) {
      if (!std::isnan(value(one))) values.push_back(value(one));
    }
    return mean_of(metric, values, unit, unit.empty() ? 0 : one_empty);
  };
  std::vector<Metric> means = {mean_over("dice", "", [](const CaseAgreement& one) { return one.dice; }),
                               mean_over("hd95", cases.empty() ? "px" : cases[0].unit, [](const CaseAgreement& one) { return one.hd95; }),
                               mean_over("kappa", "", [](const CaseAgreement& one) { return one.kappa; })};
  const std::set<int64_t> labels = labels_of(cases);
  if (labels.empty()) return means;
  means.push_back(mean_over("kappa_labels", "", [](const CaseAgreement& one) { return one.kappa_labels; }));
  for (const int64_t label : labels) {
    means.push_back(mean_over(fmt::format("dice.{}", label), "", [label](const CaseAgreement& one) { return dice_of_label(one, label); }));
  }
  return means;
}

std::string means_text(const std::vector<Metric>& means) {
  std::string text = fmt::format("  {:<38}{:>7}   {:<16}\n", "", "value", "95 % interval");
  for (const Metric& metric : means) {
    const std::string value = std::isnan(metric.value) ? "–" : fmt::format("{:.4f}", metric.value);
    const std::string interval = std::isnan(metric.low) ? "–" : fmt::format("[{:.3f}, {:.3f}]", metric.low, metric.high);
    text += fmt::format("  {:<38}{:>7}   {:<16}{:>6} {}{}\n", name_text(metric), value, interval, metric.count,
                        metric.count == 1 ? "case" : "cases",
                        metric.one_empty == 0 ? "" : fmt::format("   {} with one mask empty", metric.one_empty));
  }
  return text;
}

Json means_json(const std::vector<Metric>& means) {
  Json all = Json::array();
  for (const Metric& metric : means) {
    all.push_back({{"name", metric.name},
                   {"value", number_or_null(metric.value)},
                   {"low", number_or_null(metric.low)},
                   {"high", number_or_null(metric.high)},
                   {"count", metric.count},
                   {"unit", metric.unit},
                   {"one_empty", metric.one_empty}});
  }
  return all;
}

std::string to_text(const Agreement& agreement) {
  return fmt::format("readers  two, {}{}\n", counted(static_cast<int64_t>(agreement.cases.size()), "case"),
                     agreement.is_phantom ? "   PHANTOM, no real readers" : "") +
         means_text(means_of(agreement.cases));
}

CsvTable agreement_table(const Agreement& agreement) {
  CsvTable table{{"case", "dice", "hd95", "kappa", "volume_first", "volume_second", "unit", "one_empty"}, {}};
  const std::set<int64_t> labels = labels_of(agreement.cases);
  if (!labels.empty()) table.header.emplace_back("kappa_labels");
  for (const int64_t label : labels) table.header.push_back(fmt::format("dice.{}", label));
  for (const CaseAgreement& one : agreement.cases) {
    std::vector<std::string> row = {one.name,
                                    csv_number(one.dice),
                                    csv_number(one.hd95),
                                    csv_number(one.kappa),
                                    csv_number(one.volume_first),
                                    csv_number(one.volume_second),
                                    one.unit,
                                    one.one_empty ? "1" : "0"};
    if (!labels.empty()) row.push_back(csv_number(one.kappa_labels));
    for (const int64_t label : labels) row.push_back(csv_number(dice_of_label(one, label)));
    table.rows.push_back(std::move(row));
  }
  return table;
}

Json to_json(const Agreement& agreement) {
  Json cases = Json::array();
  for (const CaseAgreement& one : agreement.cases) cases.push_back(to_json(one));
  return {{"format", kFormat},
          {"cases", cases},
          {"means", means_json(means_of(agreement.cases))},
          {"only_first", agreement.only_first},
          {"only_second", agreement.only_second},
          {"phantom", agreement.is_phantom}};
}

Agreement read_agreement(const std::string& file) {
  const std::string text = read_file(file);
  Agreement agreement;
  try {
    const Json json = Json::parse(text);
    if (!json.is_object() || json.value("format", "") != kFormat) {
      throw_data_error(fmt::format("{}: is no agreement of readers ({}); larmor agree writes agreement.json", file, kFormat));
    }
    for (const Json& one : json.at("cases")) agreement.cases.push_back(case_of(one));
    agreement.only_first = json.at("only_first").get<std::vector<std::string>>();
    agreement.only_second = json.at("only_second").get<std::vector<std::string>>();
    agreement.is_phantom = json.at("phantom").get<bool>();
  } catch (const Json::exception&) {
    throw_data_error(file + ": is damaged, or no JSON; larmor agree writes agreement.json");
  } catch (const std::logic_error&) {  // of stoll
    throw_data_error(file + ": is damaged: a label is no number");
  }
  return agreement;
}

}  // namespace larmor::eval
