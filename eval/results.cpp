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

std::string row_of(const Metric& metric) {
  Label label{"", metric.name.c_str(), "patients"};
  for (const Label& known : kLabels) {
    if (metric.name == known.name) label = known;
  }
  return fmt::format("  {:<38}{:>7}   {:<16}{:>6} {:<9}{:>4} missed\n", label.text, rounded(metric.value), interval_of(metric),
                     metric.count, label.cases, metric.missed);
}

Json to_json(const Metric& metric) {
  return {{"name", metric.name},
          {"value", number_or_null(metric.value)},
          {"low", number_or_null(metric.low)},
          {"high", number_or_null(metric.high)},
          {"count", metric.count},
          {"missed", metric.missed}};
}

Json to_json(const Overlay& overlay) {
  return {{"rank", overlay.rank},
          {"patient", overlay.key.subject},
          {"slice", overlay.key.slice},
          {"dice", number_or_null(overlay.dice)},
          {"file", "overlays/" + overlay.file}};
}

/// All tables under one another, each row led by its way of augmentation.
CsvTable stack(const Results& results, CsvTable Evaluation::*table) {
  CsvTable all;
  for (const ScoredPredictor& scored : results.scored) {
    const CsvTable& one = scored.evaluation.*table;
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
  std::string text =
      fmt::format("data     {}, {} patients, {} slices ({} with lesion), {} side{}{}\n", results.source, results.patients, results.slices,
                  results.slices_positive, results.split, results.is_phantom ? "   PHANTOM, no real patients" : "",
                  results.leaks ? "   LEAKING: slices of one patient on both sides" : "");
  text += fmt::format("scored   at the source's size, threshold {:g}{}{}\n", results.threshold,
                      results.largest_component ? ", largest component" : "",
                      results.weights.size() > 1 ? fmt::format(", ensemble of {}", results.weights.size()) : "");
  if (results.is_training_unknown)
    text += "note     the weights do not tell which patients they were trained on; these may be among them\n";
  for (const ScoredPredictor& scored : results.scored) {
    const std::string merge = scored.options.tta == "none" ? "" : fmt::format(", {} of {}", scored.options.merge, scored.options.merge_of);
    text += fmt::format("\ntta {}{}   {:.1f} s{}\n", scored.options.tta, merge, scored.seconds, results.is_phantom ? "   (phantom)" : "");
    text += fmt::format("  {:<38}{:>7}   {:<16}\n", "", "value", "95 % interval");
    for (const Metric& metric : scored.evaluation.metrics) text += row_of(metric);
  }
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
  }
  if (!results.scored.empty()) {
    for (const Overlay& overlay : choose_overlays(results.scored[0].evaluation)) overlays.push_back(to_json(overlay));
  }
  return {{"format", kFormat},
          {"weights", results.weights},
          {"checksums", results.checksums},
          {"recipe", results.recipe},
          {"split", results.split},
          {"threshold", results.threshold},
          {"largest_component", results.largest_component},
          {"data",
           {{"source", results.source},
            {"fingerprint", results.fingerprint},
            {"phantom", results.is_phantom},
            {"leaks", results.leaks},
            {"patients", results.patients},
            {"slices", results.slices},
            {"slices_positive", results.slices_positive}}},
          {"evaluations", evaluations},
          {"overlays", overlays}};
}

CsvTable case_table(const Results& results) { return stack(results, &Evaluation::patients); }

CsvTable slice_table(const Results& results) { return stack(results, &Evaluation::slices); }

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
    write_file_atomically(folder / overlay.file, imaging::encode_png(picture));
  }
}

void write_results(const fs::path& folder, const Results& results, const datasets::Source& source) {
  make_folder(folder);
  write_file_atomically(folder / "cases.csv", to_csv(case_table(results)));
  write_file_atomically(folder / "slices.csv", to_csv(slice_table(results)));
  if (!results.scored.empty()) write_overlays(folder / "overlays", results.scored[0].evaluation, source);
  write_file_atomically(folder / "evaluation.json", to_json(results).dump(2) + "\n");
}

}  // namespace larmor::eval
