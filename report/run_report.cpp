#include "report/run_report.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "core/error.h"
#include "core/files.h"
#include "core/progress.h"
#include "imaging/draw.h"
#include "report/plot.h"
#include "report/table_distances.h"
#include "train/recipe.h"

namespace larmor::report {

namespace {

namespace fs = std::filesystem;

constexpr const char* kMainMetric = "dice_patients";
constexpr uintmax_t kLargestPicture = 16 << 20;  // bytes

/// What each aggregate is the mean of; the words of docs/reference/metrics.md.
struct MetricText {
  const char* name;
  const char* label;
  const char* rule;
};
constexpr MetricText kMetricTexts[] = {
    {"dice_positive_slices", "Dice (a)", "mean over slices with a lesion"},
    {"dice_all_slices", "Dice (b)", "mean over all slices; neither lesion nor prediction counts as 1"},
    {"dice_patients", "Dice (c)", "mean over patients, each pooled over its slices"},
    {"dice_pooled", "Dice (d)", "all pixels of all slices pooled"},
    {"dice_batches", "Dice (e)", "mean over batches, each pooled, eps 1e-7: what the epoch loop of segmentation_models.pytorch prints"},
    {"iou_patients", "IoU", "mean over patients, each pooled over its slices"},
    {"sensitivity_patients", "sensitivity", "mean over patients with a lesion"},
    {"precision_patients", "precision", "mean over patients with a lesion or a prediction"},
    {"hd95_patients", "HD95", "mean over patients; one mask empty: the diagonal of the volume; both: 0"},
    {"assd_patients", "ASSD", "as HD95"},
    {"slice_sensitivity", "sensitivity, slices", "slices with a lesion that have a predicted pixel"},
    {"slice_specificity", "specificity, slices", "slices without a lesion that have no predicted pixel"},
    {"slice_auc", "AUC, slices", "ROC curve of the highest probability of each slice"},
    {"lesion_sensitivity", "sensitivity, lesions", "true lesions found"},
    {"lesion_precision", "precision, lesions", "predicted lesions that meet a true one that was found"},
    {"lesion_false_positives", "false positive lesions", "per case"},
    {"case_sensitivity", "sensitivity, cases", "cases with a lesion that have a predicted one"},
    {"case_specificity", "specificity, cases", "cases without a lesion that have no predicted one"},
    {"type_accuracy", "accuracy of the type", "patients; mean over their slices with a predicted lesion"},
    {"type_balanced_accuracy", "balanced accuracy of the type", "mean over the types that occur"},
};

std::string label_of(const std::string& metric) {
  for (const MetricText& text : kMetricTexts) {
    if (metric == text.name) return text.label;
  }
  return metric;
}

std::string rule_of(const std::string& metric) {
  for (const MetricText& text : kMetricTexts) {
    if (metric == text.name) return text.rule;
  }
  return "";
}

std::string label_of(const MetricRecord& metric) {
  return is_distance(metric) ? distance_label(metric.name, metric.unit) : label_of(metric.name);
}

/// The rule, and how often it was that for an empty mask.
std::string rule_of(const MetricRecord& metric) {
  if (metric.unit.empty()) return rule_of(metric.name);
  std::string rule = rule_of(metric.name);
  if (metric.name.starts_with("nsd_")) rule = "surface within the tolerance, mean over patients; one mask empty: 0; both: 1";
  if (!rule.empty()) rule += "; ";
  return rule + fmt::format("{} of {} with one mask empty", metric.one_empty, metric.count);
}

std::string three_digits(double value) { return std::isfinite(value) ? fmt::format("{:.3f}", value) : "–"; }

/// Of an epoch that was stopped and resumed nobody knows.
std::string seconds_text(double seconds) { return std::isfinite(seconds) ? fmt::format("{:.1f}", seconds) : "–"; }

bool has_interval(const MetricRecord& metric) { return std::isfinite(metric.low) && std::isfinite(metric.high); }

std::string with_interval(const MetricRecord& metric) {
  if (!has_interval(metric)) return three_digits(metric.value);
  return fmt::format("{} [{:.3f}, {:.3f}]", three_digits(metric.value), metric.low, metric.high);
}

/// Added to captions, so that a table that is cut out of the page still says what it was made from.
std::string data_mark(const RunFiles& run) {
  std::string mark;
  if (run.is_phantom()) mark += " Phantom data.";
  if (run.leaks()) mark += " Leaking split.";
  return mark;
}

/// Column of cases.csv, or npos.
size_t column_of(const CsvTable& table, const std::string& name) {
  const auto found = std::find(table.header.begin(), table.header.end(), name);
  return found == table.header.end() ? std::string::npos : static_cast<size_t>(found - table.header.begin());
}

/// The rows of one way of augmentation.
std::vector<std::vector<std::string>> rows_of(const RunFiles& run, const std::string& tta) {
  std::vector<std::vector<std::string>> rows;
  const size_t column = run.cases.column("tta");
  for (const auto& row : run.cases.rows) {
    if (row[column] == tta) rows.push_back(row);
  }
  return rows;
}

/// "TCGA_CS_4944", with several classes "TCGA_CS_4944, class 2".
std::string case_name(const RunFiles& run, const std::vector<std::string>& row) {
  const size_t index = column_of(run.cases, "class");
  const std::string& patient = row[run.cases.column("patient")];
  return index == std::string::npos ? patient : patient + ", class " + row[index];
}

double cell_number(const RunFiles& run, const std::vector<std::string>& row, const std::string& column) {
  return parse_number(row[run.cases.column(column)], (run.root / "cases.csv").string() + ": " + column);
}

class RunReport {
 public:
  explicit RunReport(const RunFiles& run) : run_(run) {}

  Document make() {
    document_.title =
        fmt::format("{} · seed {}", run_name(), run_.start ? std::to_string(run_.start->seed) : run_.recipe_value("train.seed", "?"));
    add_banners();
    add_headline();
    add_curves();
    add_aggregates();
    add_cases();
    add_overlays();
    add_recipe();
    add_origin();
    return std::move(document_);
  }

 private:
  template <class T>
  void add(T block) {
    document_.blocks.emplace_back(std::move(block));
  }

  /// The recipe; where the log does not tell, the folder it lies in by default: runs/<recipe>/seed-<n>.
  std::string run_name() const {
    if (run_.start && !run_.start->recipe.empty()) return run_.start->recipe;
    const fs::path folder = fs::absolute(run_.root).lexically_normal();
    const fs::path parent = folder.has_filename() ? folder.parent_path() : folder.parent_path().parent_path();
    return parent.filename().string();
  }

  void add_banners() {
    if (run_.is_phantom()) add(Banner{kPhantomBanner});
    if (run_.leaks()) add(Banner{kLeakBanner});
    add_skipped_steps();
    if (!run_.end || !run_.end->is_finished) add(Banner{"Unfinished: the training has not ended; it goes on with --resume."});
  }

  /// The loss of such steps is in no curve and no mean.
  void add_skipped_steps() {
    double all = 0, skipped = 0;
    std::vector<int64_t> epochs;
    for (const EpochRecord& epoch : run_.epochs) {
      if (!std::isfinite(epoch.steps) || !std::isfinite(epoch.skipped_steps)) continue;
      all += epoch.steps;
      skipped += epoch.skipped_steps;
      if (epoch.skipped_steps > 0) epochs.push_back(epoch.epoch);
    }
    if (epochs.empty()) return;
    add(Banner{fmt::format("Skipped steps: in {} of {} steps the loss or a gradient was not finite (epoch {}). They are in no loss below.",
                           skipped, all, fmt::join(epochs, ", "))});
  }

  void add_headline() {
    const MetricRecord* metric = nullptr;
    if (run_.evaluation && !run_.evaluation->evaluations.empty()) metric = run_.evaluation->evaluations[0].find(kMainMetric);
    if (metric == nullptr) {
      const std::string best =
          run_.end ? fmt::format("; best validation value {} in epoch {}", three_digits(run_.end->best_value), run_.end->best_epoch) : "";
      add(Headline{"not evaluated", fmt::format("`larmor eval {}` scores this run{}", run_.root.string(), best)});
      return;
    }
    const EvaluationFile& file = *run_.evaluation;
    const std::string prepared = file.preprocess == "none" ? "" : " Scored: " + prepared_slices(file.preprocess) + ".";
    const std::string chosen = file.split == "validation" ? " The weights were chosen on these same patients, so the number flatters." : "";
    add(Headline{with_interval(*metric), fmt::format("Dice, mean over {} {} patient{}{}; {} missed; threshold {:g}{}; test-time "
                                                     "augmentation: {}.{}{}{}",
                                                     metric->count, file.split, metric->count == 1 ? "" : "s",
                                                     has_interval(*metric) ? " with 95 % bootstrap interval over patients" : "",
                                                     metric->missed, file.threshold, file.largest_component ? ", largest component" : "",
                                                     file.evaluations[0].tta, prepared, chosen, data_mark(run_))});
  }

  // ---- learning curves ----

  Series curve(const std::string& name, double EpochRecord::*field) const {
    Series series{name, {}, {}};
    for (const EpochRecord& epoch : run_.epochs) {
      series.x.push_back(static_cast<double>(epoch.epoch));
      series.y.push_back(epoch.*field);
    }
    return series;
  }

  std::vector<Series> metric_curves() const {
    std::vector<Series> all;
    for (const std::string& name : run_.metric_names) {
      if (!name.starts_with("dice_") || name.find('.') != std::string::npos) continue;
      Series series{label_of(name), {}, {}};
      for (const EpochRecord& epoch : run_.epochs) {
        series.x.push_back(static_cast<double>(epoch.epoch));
        series.y.push_back(epoch.metrics.at(name));
      }
      all.push_back(std::move(series));
    }
    return all;
  }

  void add_curves() {
    add(Heading{"Learning curves"});
    if (run_.epochs.empty()) {
      add(Paragraph{"No epoch is complete (metrics.csv)."});
      return;
    }
    add(Chart{line_chart({curve("training", &EpochRecord::loss), curve("validation", &EpochRecord::validation_loss)},
                         {.title = "Loss per epoch", .x_label = "epoch", .y_label = "loss", .height = 280}),
              "Loss per epoch: " + run_.recipe_value("loss", "")});
    add(Chart{
        line_chart(metric_curves(), {.title = "Validation Dice per epoch", .x_label = "epoch", .y_label = "Dice", .y_low = 0, .y_high = 1}),
        "Validation Dice per epoch, (a) to (e) as explained below." + data_mark(run_)});
    add(epoch_table());
  }

  static std::string skipped_text(const EpochRecord& epoch) {
    if (!std::isfinite(epoch.skipped_steps)) return "–";
    return epoch.skipped_steps > 0 ? fmt::format("{} of {}", epoch.skipped_steps, epoch.steps) : "0";
  }

  Table epoch_table() const {
    const std::string monitor = run_.recipe_value("train.monitor", kMainMetric);
    Table table{"Bold: the best epoch." + data_mark(run_),
                {{"epoch", true},
                 {"loss", true},
                 {"validation loss", true},
                 {label_of(monitor), true},
                 {"lr", true},
                 {"seconds", true},
                 {"waiting for data", true},
                 {"images/s", true},
                 {"skipped steps", true}},
                {},
                fmt::format("all {} epochs", run_.epochs.size())};
    for (const EpochRecord& epoch : run_.epochs) {
      const auto metric = epoch.metrics.find(monitor);
      const Emphasis emphasis = run_.end && run_.end->best_epoch == epoch.epoch ? Emphasis::strong : Emphasis::none;
      std::vector<Cell> row;
      for (const std::string& text : {std::to_string(epoch.epoch), three_digits(epoch.loss), three_digits(epoch.validation_loss),
                                      metric == epoch.metrics.end() ? "–" : three_digits(metric->second), fmt::format("{:.2e}", epoch.lr),
                                      seconds_text(epoch.seconds), fmt::format("{:.1f} %", 100 * epoch.wait_share),
                                      fmt::format("{:.1f}", epoch.images_per_second), skipped_text(epoch)}) {
        row.push_back({text, emphasis});
      }
      table.rows.push_back(std::move(row));
    }
    return table;
  }

  // ---- results ----

  void add_aggregates() {
    add(Heading{"Results"});
    if (!run_.evaluation || run_.evaluation->evaluations.empty()) {
      const std::string why =
          run_.has_outdated_evaluation ? "evaluation.json scores other weights than checkpoints/best.safetensors" : "No evaluation.json";
      add(Paragraph{why + ": `larmor eval " + run_.root.string() + "` writes it."});
      return;
    }
    const EvaluationFile& file = *run_.evaluation;
    Table table{fmt::format("Value [95 % bootstrap interval over patients]; {} side: {}, {}, {} with lesion.{}", file.split,
                            counted(file.patients, "patient"), counted(file.slices, "slice"), file.slices_positive, data_mark(run_)),
                {{"metric"}, {"rule"}, {"cases", true}, {"missed", true}},
                {},
                ""};
    for (const EvaluationRecord& evaluation : file.evaluations) table.columns.push_back({"tta " + evaluation.tta, true});
    for (const std::string& name : metric_order(file.evaluations[0])) table.rows.push_back(metric_row(name));
    add(std::move(table));
    add_readers(file);
    add_uncertainty(file);
  }

  /// The human line.
  void add_readers(const EvaluationFile& file) {
    if (!file.readers) return;
    Table table{fmt::format("Two readers, {} of the {} scored here [95 % bootstrap interval over cases].{}", file.readers->cases,
                            counted(file.readers->volumes, "case"), file.readers->is_phantom ? " Phantom readers." : ""),
                {{"agreement"}, {"rule"}, {"cases", true}, {"value", true}},
                {},
                ""};
    for (const MetricRecord& metric : file.readers->metrics) {
      const auto [label, rule] = readers_text(metric);
      table.rows.push_back({{label}, {rule}, {std::to_string(metric.count)}, {with_interval(metric)}});
    }
    add(std::move(table));
  }

  static std::pair<std::string, std::string> readers_text(const MetricRecord& metric) {
    const std::string empty = metric.one_empty == 0 ? "" : fmt::format("; one mask empty: {}", metric.one_empty);
    if (metric.name == "dice") return {"Dice", "foreground of one reader against the other's"};
    if (metric.name == "hd95") return {"HD95 (" + metric.unit + ")", "95th percentile of surface distances" + empty};
    if (metric.name == "kappa") return {"Cohen's kappa", "foreground against background, all voxels"};
    if (metric.name == "kappa_labels") return {"Cohen's kappa, labels", "all labels, background included"};
    return {"Dice, label " + metric.name.substr(metric.name.find('.') + 1), "cases where a reader gives it"};
  }

  void add_uncertainty(const EvaluationFile& file) {
    Table table{
        "Uncertainty: is the network unsure where it is wrong? ECE: expected calibration error over pixels, 15 bins; Spearman: rank "
        "correlation of each case's uncertainty (review.csv) and its Dice, below 0 where doubt points to errors." +
            data_mark(run_),
        {{"tta"}, {"members", true}, {"ECE", true}, {"Spearman", true}, {"cases", true}},
        {},
        ""};
    for (const EvaluationRecord& evaluation : file.evaluations) {
      if (!evaluation.uncertainty) continue;
      const UncertaintyRecord& one = *evaluation.uncertainty;
      table.rows.push_back({{evaluation.tta},
                            {std::to_string(one.members)},
                            {three_digits(one.ece)},
                            {three_digits(one.spearman)},
                            {std::to_string(one.cases)}});
    }
    if (!table.rows.empty()) add(std::move(table));
  }

  /// The known ones in their order, then the others (single classes).
  static std::vector<std::string> metric_order(const EvaluationRecord& evaluation) {
    std::vector<std::string> names;
    for (const MetricText& text : kMetricTexts) {
      if (evaluation.find(text.name) != nullptr) names.emplace_back(text.name);
    }
    for (const MetricRecord& metric : evaluation.metrics) {
      if (std::find(names.begin(), names.end(), metric.name) == names.end()) names.push_back(metric.name);
    }
    return names;
  }

  std::vector<Cell> metric_row(const std::string& name) const {
    const MetricRecord& first = *run_.evaluation->evaluations[0].find(name);
    std::vector<Cell> row{{label_of(first)}, {rule_of(first)}, {std::to_string(first.count)}, {std::to_string(first.missed)}};
    for (const EvaluationRecord& evaluation : run_.evaluation->evaluations) {
      const MetricRecord* metric = evaluation.find(name);
      row.push_back({metric == nullptr ? "–" : with_interval(*metric), name == kMainMetric ? Emphasis::strong : Emphasis::none});
    }
    return row;
  }

  void add_cases() {
    add(Heading{"Patients"});
    if (run_.cases.header.empty() || run_.cases.rows.empty()) {
      add(Paragraph{"No cases.csv: `larmor eval " + run_.root.string() + "` writes it."});
      return;
    }
    std::vector<std::string> augmentations;
    for (const auto& row : run_.cases.rows) {
      const std::string& tta = row[run_.cases.column("tta")];
      if (std::find(augmentations.begin(), augmentations.end(), tta) == augmentations.end()) augmentations.push_back(tta);
    }
    add(Chart{strip_chart(strips(augmentations), {.title = "Dice of each patient", .y_label = "Dice", .y_low = 0, .y_high = 1}),
              "Dice of each patient, the bar is the median." + data_mark(run_)});
    add(Chart{scatter_chart(sizes(augmentations[0]), {.title = "Dice against lesion size",
                                                      .x_label = "lesion size in pixels, all slices of a patient",
                                                      .y_label = "Dice",
                                                      .y_low = 0,
                                                      .y_high = 1,
                                                      .log_x = true}),
              "Where it fails: Dice against lesion size." + data_mark(run_)});
    add(case_table(augmentations[0]));
  }

  std::vector<Strip> strips(const std::vector<std::string>& augmentations) const {
    std::vector<Strip> all;
    for (const std::string& tta : augmentations) {
      Strip strip{"tta " + tta, {}};
      for (const auto& row : rows_of(run_, tta)) strip.values.push_back({case_name(run_, row), cell_number(run_, row, "dice")});
      all.push_back(std::move(strip));
    }
    return all;
  }

  std::vector<NamedPoint> sizes(const std::string& tta) const {
    std::vector<NamedPoint> points;
    for (const auto& row : rows_of(run_, tta)) {
      points.push_back({case_name(run_, row), cell_number(run_, row, "tp") + cell_number(run_, row, "fn"), cell_number(run_, row, "dice")});
    }
    return points;
  }

  Table case_table(const std::string& tta) const {
    Table table{fmt::format("Test-time augmentation: {}. Lesion size in pixels; an empty cell has no value.{}", tta, data_mark(run_)),
                {{"patient"},
                 {"slices", true},
                 {"with lesion", true},
                 {"lesion size", true},
                 {"Dice", true},
                 {"IoU", true},
                 {"sensitivity", true},
                 {"precision", true},
                 {"missed"}},
                {},
                ""};
    const std::vector<std::string> surfaces = surface_columns();
    for (const std::string& column : surfaces) table.columns.push_back({surface_label(column), true});
    std::vector<std::vector<std::string>> rows = rows_of(run_, tta);
    std::stable_sort(rows.begin(), rows.end(),
                     [&](const auto& a, const auto& b) { return cell_number(run_, a, "dice") > cell_number(run_, b, "dice"); });
    for (const auto& row : rows) {
      const auto ratio = [&](const char* name) {
        const double value = cell_number(run_, row, name);
        return Cell{std::isfinite(value) ? three_digits(value) : ""};
      };
      const bool is_missed = cell_number(run_, row, "missed") > 0;
      table.rows.push_back({{case_name(run_, row)},
                            {row[run_.cases.column("slices")]},
                            {row[run_.cases.column("slices_positive")]},
                            {fmt::format("{:.0f}", cell_number(run_, row, "tp") + cell_number(run_, row, "fn"))},
                            ratio("dice"),
                            ratio("iou"),
                            ratio("sensitivity"),
                            ratio("precision"),
                            {is_missed ? "missed" : "", Emphasis::strong}});
      for (const std::string& column : surfaces) table.rows.back().push_back(ratio(column.c_str()));
    }
    return table;
  }

  /// Columns of cases.csv that hold surface distances: "hd95_mm", "assd_mm", "nsd_1mm", …
  std::vector<std::string> surface_columns() const {
    std::vector<std::string> columns;
    for (const std::string& name : run_.cases.header) {
      if (name.starts_with("hd95_") || name.starts_with("assd_") || name.starts_with("nsd_")) columns.push_back(name);
    }
    return columns;
  }

  static std::string surface_label(const std::string& column) {
    const size_t line = column.find('_');
    const std::string rest = column.substr(line + 1);
    if (column.starts_with("nsd_")) return "NSD " + rest;
    return fmt::format("{} ({})", column.starts_with("hd95_") ? "HD95" : "ASSD", rest);
  }

  void add_overlays() {
    if (!run_.evaluation || run_.evaluation->overlays.empty()) return;
    add(Heading{"Best, median and worst patient"});
    Pictures shown;
    for (const OverlayRecord& overlay : run_.evaluation->overlays) {
      const fs::path file = run_.root / "overlays" / overlay.file;
      std::error_code missing;
      const uintmax_t size = fs::file_size(file, missing);
      const std::string png = missing || size > kLargestPicture ? "" : read_file(file);
      const std::string caption =
          fmt::format("{}: {}, slice {}, Dice of the patient {}", overlay.rank, overlay.patient, overlay.slice, three_digits(overlay.dice));
      if (!png.starts_with("\x89PNG")) {
        add(Paragraph{caption + ": the picture overlays/" + overlay.file + " is missing."});
        continue;
      }
      shown.pictures.push_back({png, "overlays/" + overlay.file, caption + (run_.is_phantom() ? " (phantom)" : "")});
    }
    if (shown.pictures.empty()) return;
    shown.legend = {legend_entry(imaging::kTruthColour, "white", "truth"),
                    legend_entry(imaging::kPredictionColour, "orange", "prediction")};
    add(std::move(shown));
  }

  static LegendEntry legend_entry(const imaging::Colour& colour, const std::string& name, const std::string& meaning) {
    return {fmt::format("#{:02x}{:02x}{:02x}", colour[0], colour[1], colour[2]), name, meaning};
  }

  // ---- recipe ----

  using Leaves = std::vector<std::pair<std::string, std::string>>;

  static void collect_leaves(const ConfigNode& node, const std::string& path, Leaves& leaves) {
    if (node.is_map() && !node.entries.empty()) {
      for (const auto& [key, value] : node.entries) collect_leaves(value, path.empty() ? key : fmt::format("{}.{}", path, key), leaves);
      return;
    }
    std::string text = node.is_scalar() ? node.scalar : to_yaml(node);
    while (text.ends_with('\n')) text.pop_back();
    leaves.emplace_back(path, text);
  }

  /// The defaults of the components that this run uses; empty when the recipe is not one of this program's.
  std::map<std::string, std::string> defaults() const {
    const train::Recipe plain;
    const std::pair<const char*, std::string> names[] = {{"data.source", plain.data.source}, {"model.name", plain.model.name},
                                                         {"task.name", plain.task},          {"loss", plain.loss},
                                                         {"optim.name", plain.optim.name},   {"optim.schedule.name", plain.optim.schedule}};
    Leaves leaves;
    try {
      ConfigNode chosen;
      for (const auto& [path, otherwise] : names) {
        apply_override(chosen, std::string(path) + "=" + in_yaml_quotes(run_.recipe_value(path, otherwise)));
      }
      collect_leaves(train::to_config(train::recipe_from(chosen, "")), "", leaves);
    } catch (const Error&) {
      return {};
    }
    std::map<std::string, std::string> values(leaves.begin(), leaves.end());
    for (const auto& [path, value] : names) values[path] = value;
    return values;
  }

  static std::string in_yaml_quotes(const std::string& text) {
    std::string quoted = "'";
    for (const char c : text) quoted += c == '\'' ? std::string("''") : std::string(1, c);
    return quoted + "'";
  }

  void add_recipe() {
    add(Heading{"Recipe"});
    if (run_.recipe.is_null()) {
      add(Paragraph{"No recipe.yaml."});
      return;
    }
    Leaves leaves;
    collect_leaves(run_.recipe, "", leaves);
    const std::map<std::string, std::string> known = defaults();
    Table changed{
        known.empty() ? "Not a recipe of this version: what differs from the defaults is unknown." : "What differs from the defaults.",
        {{"key"}, {"value"}, {"default"}},
        {},
        ""};
    Table all{"Bold: differs from the default.", {{"key"}, {"value"}}, {}, fmt::format("all {} values", leaves.size())};
    for (const auto& [key, value] : leaves) {
      const auto found = known.find(key);
      const bool differs = !known.empty() && (found == known.end() || found->second != value);
      if (differs) changed.rows.push_back({{key}, {value, Emphasis::strong}, {found == known.end() ? "" : found->second, Emphasis::faint}});
      all.rows.push_back({{key}, {value, differs ? Emphasis::strong : Emphasis::none}});
    }
    add(std::move(changed));
    add(std::move(all));
  }

  // ---- where it comes from ----

  void add_origin() {
    add(Heading{"Origin"});
    Table facts{run_.is_phantom() ? "Phantom data." : "", {{"what"}, {"value"}}, {}, ""};
    const auto fact = [&](const std::string& name, const std::string& value) {
      if (!value.empty()) facts.rows.push_back({{name}, {value}});
    };
    fact("data", run_.source() + (run_.is_phantom() ? " (phantom)" : ""));
    fact("data fingerprint (SHA-256)", run_.fingerprint());
    if (run_.start) {
      const StartRecord& start = *run_.start;
      fact("patients and slices", fmt::format("{} and {}", start.patients, start.slices));
      fact("training side", start.train_side);
      fact("validation side", start.validation_side);
      fact("network", fmt::format("{}, {} parameters, {} used", start.model, start.parameters, start.used_parameters));
      fact("seed", std::to_string(start.seed));
      fact("device", fmt::format("{}, {} threads", start.device, start.threads));
      fact("versions", start.versions);
      fact("started", start.time);
    }
    if (run_.end) {
      const EndRecord& end = *run_.end;
      fact("wall time", format_clock(end.wall_seconds) + (end.sessions > 1 ? fmt::format(" in {} sessions", end.sessions) : ""));
      fact("waiting for data", fmt::format("{:.1f} %", 100 * end.wait_seconds / std::max(end.wall_seconds, 1e-9)));
      fact("best epoch", fmt::format("{}{}", end.best_epoch, end.stopped_early ? "; stopped early" : ""));
    }
    add(std::move(facts));
    if (!run_.start || run_.start->command.empty()) return;
    add(Paragraph{"To repeat it, typed where it was started, with `--overwrite` or another `--run-dir` as long as the run is there:"});
    std::string augmentations;
    if (run_.evaluation) {
      for (const EvaluationRecord& evaluation : run_.evaluation->evaluations) {
        augmentations += (augmentations.empty() ? " --tta " : ",") + evaluation.tta;
      }
    }
    const bool names_folder = run_.start->command.find("--run-dir") != std::string::npos;
    const std::string folder = names_folder ? "" : " --run-dir " + run_.root.string();
    add(Code{run_.start->command + folder + "\nlarmor eval " + run_.root.string() + augmentations});
  }

  const RunFiles& run_;
  Document document_;
};

}  // namespace

Document describe_run(const RunFiles& run) { return RunReport(run).make(); }

void write_run_report(const fs::path& folder) {
  const Document document = describe_run(read_run(folder));
  write_file_atomically(folder / "report.html", to_html(document));
  write_file_atomically(folder / "report.md", to_markdown(document));
}

}  // namespace larmor::report
