#include "eval/results.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>
#include <set>

#include "core/error.h"
#include "core/files.h"
#include "core/progress.h"
#include "eval/case_label_scores.h"
#include "eval/detection.h"
#include "imaging/draw.h"

namespace larmor::eval {

namespace {

namespace fs = std::filesystem;
using datasets::CaseKey;
using Json = nlohmann::json;

constexpr const char* kFormat = "larmor-evaluation/1";

/// How people call the aggregates, in the order of the table.
struct Label {
  const char* name;
  const char* text;
  const char* cases;
};
constexpr Label kLabels[] = {{"dice_patients", "Dice (c) patients", "patients"},
                             {"dice_positive_slices", "Dice (a) slices with lesion", "slices"},
                             {"dice_all_slices", "Dice (b) all slices, empty/empty = 1", "slices"},
                             {"dice_pooled", "Dice (d) all pixels pooled", "slices"},
                             {"dice_batches", "Dice (e) batches, as SMP prints it", "batches"},
                             {"iou_patients", "IoU, patients", "patients"},
                             {"sensitivity_patients", "sensitivity, patients with lesion", "patients"},
                             {"precision_patients", "precision, patients", "patients"}};

Json number_or_null(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

std::string rounded(double value) { return std::isnan(value) ? "–" : fmt::format("{:.4f}", value); }

std::string interval_of(const Metric& metric) {
  return std::isnan(metric.low) ? "–" : fmt::format("[{:.3f}, {:.3f}]", metric.low, metric.high);
}

/// "nsd_2_patients" → "NSD at 2 mm, patients"; a class follows as in the name.
std::string surface_text(const Metric& metric) {
  const size_t end = metric.name.find("_patients");
  const std::string name = metric.name.substr(0, end), rest = metric.name.substr(end + std::string_view("_patients").size());
  const std::string of_class = rest.empty() ? "" : ", class " + rest.substr(1);
  if (name.starts_with("nsd_")) return fmt::format("NSD at {} {}, patients{}", name.substr(4), metric.unit, of_class);
  return fmt::format("{} in {}, patients{}", name == "hd95" ? "HD95" : "ASSD", metric.unit, of_class);
}

std::string row_of(const Metric& metric) {
  Label label{"", metric.name.c_str(), "patients"};
  for (const Label& known : kLabels) {
    if (metric.name == known.name) label = known;
  }
  const std::string text = metric.unit.empty() ? label.text : surface_text(metric);
  const std::string one_empty = metric.unit.empty() ? "" : fmt::format("{:>5} with one mask empty", metric.one_empty);
  std::string cases = label.cases;
  if (metric.count == 1) cases = cases == "batches" ? "batch" : cases.substr(0, cases.size() - 1);
  return fmt::format("  {:<38}{:>7}   {:<16}{:>6} {:<9}{:>4} missed{}\n", text, rounded(metric.value), interval_of(metric), metric.count,
                     cases, metric.missed, one_empty);
}

bool is_prepared(const Results& results) { return results.preprocess != "none"; }

/// What a lesion is; "" where none were counted.
std::string lesion_note(const Results& results) {
  if (!results.lesions) return "";
  const LesionOptions& rule = *results.lesions;
  std::string smallest = rule.smallest_voxels > 1 ? fmt::format(", from {} voxels on", rule.smallest_voxels) : "";
  if (rule.smallest_mm3 > 0) smallest += fmt::format(", from {:g} mm³ on", rule.smallest_mm3);
  const std::string overlap = rule.overlap > 0 ? fmt::format("{:g} % of its voxels are", 100 * rule.overlap) : "any of its voxels is";
  return fmt::format("lesions  face-connected components{}; found where {} predicted\n", smallest, overlap);
}

/// At which size, and of what.
std::string scored_slices(const Results& results) {
  if (!is_prepared(results)) return "at the source's size";
  return fmt::format("as prepared by data.preprocess.kind {}, not at the source's size: what it cuts or leaves out is not scored",
                     results.preprocess);
}

std::string unit_text(const Results& results, const std::string& unit) {
  if (unit != "px") return unit;
  return is_prepared(results) ? "pixels of the prepared slices, whatever spacing the source stores"
                              : "pixels, for the source stores no spacing";
}

/// What the distances mean; "" where there are none.
std::string surface_note(const Results& results) {
  if (results.surface_elements.empty() || results.scored.empty()) return "";
  std::string unit;
  for (const Metric& metric : results.scored[0].evaluation.metrics) unit = metric.unit.empty() ? unit : metric.unit;
  return fmt::format("surface  {} in {}; one mask empty: the volume's diagonal, NSD 0; both empty: 0, NSD 1\n",
                     results.surface_elements == "voxels" ? "voxels (MONAI's definition)" : "surfels (DeepMind's definition)",
                     unit_text(results, unit));
}

Json to_json(const Metric& metric) {
  Json json = {{"name", metric.name},
               {"value", number_or_null(metric.value)},
               {"low", number_or_null(metric.low)},
               {"high", number_or_null(metric.high)},
               {"count", metric.count},
               {"missed", metric.missed}};
  if (metric.unit.empty()) return json;
  json["unit"] = metric.unit;
  json["one_empty"] = metric.one_empty;
  return json;
}

Json to_json(const Overlay& overlay) {
  return {{"rank", overlay.rank},
          {"patient", overlay.key.subject},
          {"slice", overlay.key.slice},
          {"dice", number_or_null(overlay.dice)},
          {"file", "overlays/" + overlay.file}};
}

Json to_json(const GroupScore& score) {
  Json metrics = Json::array();
  for (const Metric& metric : score.metrics) metrics.push_back(to_json(metric));
  return {{"group", score.group}, {"metrics", metrics}};
}

/// Of each way of augmentation: "1/0".
std::string counts_of(const Results& results, size_t group, size_t metric, int64_t Metric::*count) {
  std::string text;
  for (const ScoredPredictor& scored : results.scored) {
    text += (text.empty() ? "" : "/") + std::to_string(scored.groups[group].metrics[metric].*count);
  }
  return text;
}

/// Groups below each other, ways of augmentation beside each other, for the metric at this place.
std::string group_text(const Results& results, size_t metric) {
  const Metric& first = results.scored[0].groups[0].metrics[metric];
  const std::string what = first.unit.empty() ? "Dice, patients" : surface_text(first);
  const bool has_distances = !first.unit.empty();
  std::string text = fmt::format("\n{} by {}\n  {:<24}{:>9}{:>8}{}", what, printable(results.group_by), "", "patients", "missed",
                                 has_distances ? "  one mask empty" : "");
  for (const ScoredPredictor& scored : results.scored) text += fmt::format("   {:<24}", "tta " + scored.options.tta);
  for (size_t i = 0; i < results.scored[0].groups.size(); ++i) {
    const GroupScore& group = results.scored[0].groups[i];
    text += fmt::format("\n  {:<24}{:>9}{:>8}", group.group.empty() ? "(none)" : printable(group.group), group.metrics[metric].count,
                        counts_of(results, i, metric, &Metric::missed));
    if (has_distances) text += fmt::format("{:>16}", counts_of(results, i, metric, &Metric::one_empty));
    for (const ScoredPredictor& scored : results.scored) {
      const Metric& value = scored.groups[i].metrics[metric];
      text += fmt::format("   {:<24}", rounded(value.value) + " " + (std::isnan(value.low) ? "" : interval_of(value)));
    }
  }
  return text + "\n";
}

/// All tables under one another, each row led by its way of augmentation.
template <class TableOf>
CsvTable stack(const Results& results, const TableOf& table_of) {
  CsvTable all;
  for (const ScoredPredictor& scored : results.scored) {
    const CsvTable one = table_of(scored);
    if (all.header.empty()) {
      all.header = {"tta"};
      all.header.insert(all.header.end(), one.header.begin(), one.header.end());
    }
    for (const std::vector<std::string>& row : one.rows) {
      all.rows.push_back({scored.options.tta});
      all.rows.back().insert(all.rows.back().end(), row.begin(), row.end());
    }
  }
  return all;
}

CsvTable stack(const Results& results, CsvTable Evaluation::*table) {
  return stack(results, [table](const ScoredPredictor& scored) { return scored.evaluation.*table; });
}

/// Dice of each patient, averaged over classes.
std::map<std::string, double> dice_of_patients(const CsvTable& patients) {
  std::map<std::string, std::pair<double, int>> sums;
  const size_t name = patients.column("patient"), dice = patients.column("dice");
  for (const std::vector<std::string>& row : patients.rows) {
    sums[row[name]].first += std::stod(row[dice]);
    sums[row[name]].second += 1;
  }
  std::map<std::string, double> means;
  for (const auto& [patient, sum] : sums) means[patient] = sum.first / sum.second;
  return means;
}

std::string file_name(const std::string& rank, const CaseKey& key) {
  std::string name = fmt::format("{}_{}_{}.png", rank, key.subject, key.slice);
  std::replace(name.begin(), name.end(), '/', '_');
  return name;
}

const MaskedSlice& slice_of(const Evaluation& evaluation, const CaseKey& key) {
  const auto found = std::find_if(evaluation.largest_lesions.begin(), evaluation.largest_lesions.end(),
                                  [&](const MaskedSlice& slice) { return slice.key == key; });
  LARMOR_ASSERT(found != evaluation.largest_lesions.end());
  return *found;
}

int64_t index_of(const datasets::Source& source, const CaseKey& key) {
  const auto& cases = source.cases();
  const auto found = std::find_if(cases.begin(), cases.end(), [&](const datasets::CaseInfo& info) { return info.key == key; });
  LARMOR_ASSERT(found != cases.end());
  return found - cases.begin();
}

/// An earlier evaluation may have shown other patients.
void remove_overlays(const fs::path& folder) {
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    const bool is_ours = name.starts_with("best_") || name.starts_with("median_") || name.starts_with("worst_");
    if (is_ours && entry.path().extension() == ".png") fs::remove(entry.path());
  }
}

}  // namespace

void describe_data(Results& results, const datasets::Source& source, const std::vector<int64_t>& cases) {
  results.source = source.name();
  results.fingerprint = source.fingerprint();
  results.is_phantom = source.is_phantom();
  std::set<std::string> subjects;
  for (const int64_t index : cases) {
    const datasets::CaseInfo& info = source.cases()[static_cast<size_t>(index)];
    subjects.insert(info.key.subject);
    results.slices_positive += info.foreground > 0;
  }
  results.patients = static_cast<int64_t>(subjects.size());
  results.slices = static_cast<int64_t>(cases.size());
}

std::string to_text(const Results& results) {
  std::string text = fmt::format("data     {}, {}, {} ({} with lesion), {} side{}{}\n", results.source,
                                 counted(results.patients, "patient"), counted(results.slices, "slice"), results.slices_positive,
                                 results.split, results.is_phantom ? "   PHANTOM, no real patients" : "",
                                 results.leaks ? "   LEAKING: slices of one patient on both sides" : "");
  text += fmt::format("scored   {}, threshold {:g}{}{}\n", scored_slices(results), results.threshold,
                      results.largest_component ? ", largest component" : "",
                      results.weights.size() > 1 ? fmt::format(", ensemble of {}", results.weights.size()) : "");
  text += surface_note(results) + lesion_note(results);
  if (!results.label.empty()) {
    text +=
        fmt::format("type     {}: the mean of the probabilities of a patient's slices with predicted lesion, of all where there is none\n",
                    printable(results.label));
  }
  if (results.is_training_unknown)
    text += "note     the weights do not tell which patients they were trained on; these may be among them\n";
  for (const ScoredPredictor& scored : results.scored) {
    const std::string merge = scored.options.tta == "none" ? "" : fmt::format(", {} of {}", scored.options.merge, scored.options.merge_of);
    text += fmt::format("\ntta {}{}   {:.1f} s{}\n", scored.options.tta, merge, scored.seconds, results.is_phantom ? "   (phantom)" : "");
    text += fmt::format("  {:<38}{:>7}   {:<16}\n", "", "value", "95 % interval");
    for (const Metric& metric : scored.evaluation.metrics) {
      if (!is_detection_metric(metric.name) && !is_case_label_metric(metric.name)) text += row_of(metric);
    }
    text += detection_text(scored.evaluation.metrics) + case_label_text(scored.evaluation.metrics, scored.evaluation.types);
    if (scored.uncertainty) text += to_text(*scored.uncertainty);
  }
  const bool has_groups = !results.scored.empty() && !results.scored[0].groups.empty();
  for (size_t metric = 0; has_groups && metric < results.scored[0].groups[0].metrics.size(); ++metric) text += group_text(results, metric);
  if (results.readers) text += to_text(*results.readers);
  return text;
}

Json to_json(const Results& results) {
  Json evaluations = Json::array(), overlays = Json::array();
  for (const ScoredPredictor& scored : results.scored) {
    Json metrics = Json::array();
    for (const Metric& metric : scored.evaluation.metrics) metrics.push_back(to_json(metric));
    evaluations.push_back({{"tta", scored.options.tta},
                           {"merge", scored.options.merge},
                           {"merge_of", scored.options.merge_of},
                           {"seconds", scored.seconds},
                           {"metrics", metrics}});
    if (!results.label.empty()) {
      evaluations.back()["types"] = {{"classes", scored.evaluation.types.classes}, {"confusion", scored.evaluation.types.counts}};
    }
    if (scored.uncertainty) evaluations.back()["uncertainty"] = to_json(*scored.uncertainty);
    if (results.group_by.empty()) continue;
    Json groups = Json::array();
    for (const GroupScore& group : scored.groups) groups.push_back(to_json(group));
    evaluations.back()["groups"] = groups;
  }
  if (!results.scored.empty()) {
    for (const Overlay& overlay : choose_overlays(results.scored[0].evaluation)) overlays.push_back(to_json(overlay));
  }
  Json json = {{"format", kFormat},
               {"weights", results.weights},
               {"checksums", results.checksums},
               {"recipe", results.recipe},
               {"split", results.split},
               {"threshold", results.threshold},
               {"largest_component", results.largest_component},
               {"surface_elements", results.surface_elements},
               {"data",
                {{"source", results.source},
                 {"fingerprint", results.fingerprint},
                 {"preprocess", results.preprocess},
                 {"phantom", results.is_phantom},
                 {"leaks", results.leaks},
                 {"patients", results.patients},
                 {"slices", results.slices},
                 {"slices_positive", results.slices_positive}}},
               {"evaluations", evaluations},
               {"overlays", overlays}};
  if (!results.group_by.empty()) json["group_by"] = results.group_by;
  if (!results.label.empty()) json["label"] = results.label;
  if (results.readers) json["readers"] = to_json(*results.readers);
  if (results.lesions) {
    json["lesions"] = {{"overlap", results.lesions->overlap},
                       {"smallest_voxels", results.lesions->smallest_voxels},
                       {"smallest_mm3", results.lesions->smallest_mm3}};
  }
  return json;
}

CsvTable case_table(const Results& results) { return stack(results, &Evaluation::patients); }

CsvTable slice_table(const Results& results) { return stack(results, &Evaluation::slices); }

CsvTable lesion_table(const Results& results) { return stack(results, &Evaluation::lesions); }

CsvTable type_table(const Results& results) {
  return stack(results, [](const ScoredPredictor& scored) { return confusion_table(scored.evaluation.types); });
}

CsvTable group_table(const Results& results) {
  CsvTable table{{"tta", "group", "metric", "unit", "patients", "missed", "one_empty", "value", "low", "high"}, {}};
  for (const ScoredPredictor& scored : results.scored) {
    for (const GroupScore& score : scored.groups) {
      for (const Metric& metric : score.metrics) {
        const std::string one_empty = metric.unit.empty() ? "" : std::to_string(metric.one_empty);
        table.rows.push_back({scored.options.tta, score.group, metric.name, metric.unit, std::to_string(metric.count),
                              std::to_string(metric.missed), one_empty, csv_number(metric.value), csv_number(metric.low),
                              csv_number(metric.high)});
      }
    }
  }
  return table;
}

CsvTable review_table(const Results& results) {
  return stack(results, [](const ScoredPredictor& scored) { return review_table(scored.uncertainty.value().review); });
}

CsvTable reliability_table(const Results& results) {
  return stack(results, [](const ScoredPredictor& scored) { return reliability_table(scored.uncertainty.value()); });
}

std::vector<Overlay> choose_overlays(const Evaluation& evaluation) {
  const std::map<std::string, double> dice = dice_of_patients(evaluation.patients);
  std::vector<const MaskedSlice*> ascending;
  for (const MaskedSlice& slice : evaluation.largest_lesions) ascending.push_back(&slice);
  std::stable_sort(ascending.begin(), ascending.end(),
                   [&](const MaskedSlice* a, const MaskedSlice* b) { return dice.at(a->key.subject) < dice.at(b->key.subject); });
  const size_t n = ascending.size();
  std::vector<Overlay> chosen;
  const auto choose = [&](const char* rank, size_t i) {
    const CaseKey& key = ascending[i]->key;
    chosen.push_back({rank, key, dice.at(key.subject), file_name(rank, key)});
  };
  if (n > 0) choose("best", n - 1);
  if (n > 2) choose("median", (n - 1) / 2);
  if (n > 1) choose("worst", 0);
  return chosen;
}

void write_overlays(const fs::path& folder, const Evaluation& evaluation, const datasets::Source& source) {
  make_folder(folder);
  remove_overlays(folder);
  for (const Overlay& overlay : choose_overlays(evaluation)) {
    const MaskedSlice& slice = slice_of(evaluation, overlay.key);
    imaging::Image picture = imaging::to_rgb(source.load(index_of(source, overlay.key)).image);
    imaging::draw_contour(picture, slice.truth, imaging::kTruthColour);
    imaging::draw_contour(picture, slice.prediction, imaging::kPredictionColour);
    const imaging::Image shown =
        imaging::with_legend(picture, {{imaging::kTruthColour, "truth"}, {imaging::kPredictionColour, "prediction"}});
    write_file_atomically(folder / overlay.file, imaging::encode_png(shown));
  }
}

void write_results(const fs::path& folder, const Results& results, const datasets::Source& source) {
  make_folder(folder);
  write_file_atomically(folder / "cases.csv", to_csv(case_table(results)));
  write_file_atomically(folder / "slices.csv", to_csv(slice_table(results)));
  std::error_code ignored;
  for (const char* file : {"groups.csv", "detections.csv", "types.csv", "review.csv", "reliability.csv"}) {
    fs::remove(folder / file, ignored);  // of an evaluation before this one
  }
  if (results.lesions) write_file_atomically(folder / "detections.csv", to_csv(lesion_table(results)));
  if (!results.label.empty()) write_file_atomically(folder / "types.csv", to_csv(type_table(results)));
  if (!results.scored.empty() && results.scored[0].uncertainty) {
    write_file_atomically(folder / "review.csv", to_csv(review_table(results)));
    write_file_atomically(folder / "reliability.csv", to_csv(reliability_table(results)));
  }
  if (!results.group_by.empty()) write_file_atomically(folder / "groups.csv", to_csv(group_table(results)));
  if (!results.scored.empty()) write_overlays(folder / "overlays", results.scored[0].evaluation, source);
  write_file_atomically(folder / "evaluation.json", to_json(results).dump(2) + "\n");
}

}  // namespace larmor::eval
