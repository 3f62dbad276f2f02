#include "eval/segmentation.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <iterator>
#include <map>
#include <optional>
#include <set>

#include "core/error.h"
#include "eval/case_label_scores.h"
#include "eval/decode.h"
#include "eval/detection.h"
#include "eval/overlap.h"
#include "eval/statistics.h"
#include "eval/volume_surfaces.h"

namespace larmor::eval {

namespace {

using datasets::Batch;
using datasets::CaseKey;
using imaging::Image;

constexpr double kBothEmpty = 1;
constexpr double kBatchEps = 1e-7;
constexpr double kConfidence = 0.95;

std::span<const uint8_t> pixels_of(const Image& image) { return {image.data<uint8_t>(), static_cast<size_t>(image.voxels())}; }

bool is_missed(const Overlap& overlap) { return !overlap.truth_is_empty() && overlap.tp == 0; }

/// Overlaps of the foreground classes of one slice.
struct ScoredSlice {
  CaseKey key;
  int64_t batch = 0;
  std::vector<Overlap> classes;
};

/// One patient's counts of one class: what every mean is made of.
struct PatientScore {
  std::string subject;
  int64_t slices = 0, slices_positive = 0, slices_missed = 0;
  double dice_positive_sum = 0, dice_all_sum = 0;  ///< over slices
  Overlap pooled;
  SurfaceScore surfaces;  ///< where they are measured
};

void add_slice(PatientScore& patient, const Overlap& slice) {
  const double dice = slice.dice(kBothEmpty);
  patient.slices += 1;
  patient.dice_all_sum += dice;
  patient.pooled += slice;
  patient.slices_missed += is_missed(slice);
  if (slice.truth_is_empty()) return;
  patient.slices_positive += 1;
  patient.dice_positive_sum += dice;
}

/// What a patient adds to an aggregate, which is always sum of numerators / sum of denominators.
struct Share {
  double numerator = 0, denominator = 0;
};

Share positive_slices(const PatientScore& p) { return {p.dice_positive_sum, static_cast<double>(p.slices_positive)}; }
Share all_slices(const PatientScore& p) { return {p.dice_all_sum, static_cast<double>(p.slices)}; }
Share dice_of_patient(const PatientScore& p) { return {p.pooled.dice(kBothEmpty), 1}; }
Share iou_of_patient(const PatientScore& p) { return {p.pooled.iou(kBothEmpty), 1}; }
Share pooled_dice(const PatientScore& p) {
  return {static_cast<double>(2 * p.pooled.tp), static_cast<double>(2 * p.pooled.tp + p.pooled.fp + p.pooled.fn)};
}
Share sensitivity_of_patient(const PatientScore& p) {
  if (p.pooled.truth_is_empty()) return {};
  return {p.pooled.sensitivity(), 1};
}
Share precision_of_patient(const PatientScore& p) {
  if (p.pooled.prediction_is_empty()) return {0, p.pooled.truth_is_empty() ? 0.0 : 1.0};
  return {p.pooled.precision(), 1};
}

enum class Counted { slices, positive_slices, patients };

struct Aggregate {
  std::string name;
  std::function<Share(const PatientScore&)> share;
  double without_cases;  ///< the value of 0/0
  Counted counted;
  bool is_of_surfaces = false;
};

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
constexpr const char* kMainMetric = "dice_patients";

std::vector<Aggregate> overlap_aggregates() {
  return {{kMainMetric, dice_of_patient, kNone, Counted::patients},
          {"dice_positive_slices", positive_slices, kNone, Counted::positive_slices},
          {"dice_all_slices", all_slices, kNone, Counted::slices},
          {"dice_pooled", pooled_dice, kBothEmpty, Counted::slices},
          {"iou_patients", iou_of_patient, kNone, Counted::patients},
          {"sensitivity_patients", sensitivity_of_patient, kNone, Counted::patients},
          {"precision_patients", precision_of_patient, kNone, Counted::patients}};
}

std::vector<Aggregate> surface_aggregates(const std::vector<double>& tolerances) {
  const auto mean_of = [](const std::string& name, const std::function<double(const SurfaceScore&)>& value) {
    return Aggregate{name, [value](const PatientScore& p) { return Share{value(p.surfaces), 1}; }, kNone, Counted::patients, true};
  };
  std::vector<Aggregate> all = {mean_of("hd95_patients", [](const SurfaceScore& s) { return s.hd95; }),
                                mean_of("assd_patients", [](const SurfaceScore& s) { return s.assd; })};
  for (size_t k = 0; k < tolerances.size(); ++k) {
    all.push_back(mean_of(fmt::format("nsd_{}_patients", tolerances[k]), [k](const SurfaceScore& s) { return s.nsd[k]; }));
  }
  return all;
}

std::vector<Aggregate> aggregates_of(const SegmentationOptions& options) {
  std::vector<Aggregate> all = overlap_aggregates();
  if (options.surface_distances != "always") return all;
  for (Aggregate& aggregate : surface_aggregates(options.surface_tolerances)) all.push_back(std::move(aggregate));
  return all;
}

using ClassScores = std::vector<std::vector<PatientScore>>;  ///< per class, per patient

/// The aggregate over the patients at `chosen` (repeats allowed), averaged over the classes that have cases.
double value_of(const Aggregate& aggregate, const ClassScores& scores, std::span<const int64_t> chosen) {
  double sum = 0;
  int64_t classes = 0;
  for (const std::vector<PatientScore>& patients : scores) {
    Share total;
    for (const int64_t i : chosen) {
      const Share share = aggregate.share(patients[static_cast<size_t>(i)]);
      total.numerator += share.numerator;
      total.denominator += share.denominator;
    }
    const double value = total.denominator == 0 ? aggregate.without_cases : total.numerator / total.denominator;
    if (std::isnan(value)) continue;
    sum += value;
    classes += 1;
  }
  return classes == 0 ? kNone : sum / static_cast<double>(classes);
}

int64_t count_of(const Aggregate& aggregate, const ClassScores& scores) {
  int64_t count = 0;
  for (const std::vector<PatientScore>& patients : scores) {
    for (const PatientScore& patient : patients) {
      if (aggregate.counted == Counted::slices) count += patient.slices;
      if (aggregate.counted == Counted::positive_slices) count += patient.slices_positive;
      if (aggregate.counted == Counted::patients) count += static_cast<int64_t>(aggregate.share(patient).denominator);
    }
  }
  return count;
}

int64_t missed_of(const Aggregate& aggregate, const ClassScores& scores) {
  int64_t missed = 0;
  for (const std::vector<PatientScore>& patients : scores) {
    for (const PatientScore& patient : patients) {
      missed += aggregate.counted == Counted::patients ? is_missed(patient.pooled) : patient.slices_missed;
    }
  }
  return missed;
}

std::vector<int64_t> everyone(const ClassScores& scores) {
  std::vector<int64_t> all(scores[0].size());
  for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<int64_t>(i);
  return all;
}

int64_t one_empty_of(const ClassScores& scores) {
  int64_t count = 0;
  for (const std::vector<PatientScore>& patients : scores) {
    for (const PatientScore& patient : patients) count += patient.surfaces.present == SurfacesPresent::one;
  }
  return count;
}

Metric measure(const Aggregate& aggregate, const ClassScores& scores, int64_t resamples, const std::string& unit) {
  const auto patients = static_cast<int64_t>(scores[0].size());
  const Interval interval = bootstrap(
      patients, [&](std::span<const int64_t> drawn) { return value_of(aggregate, scores, drawn); }, kConfidence, resamples);
  return {aggregate.name,
          value_of(aggregate, scores, everyone(scores)),
          count_of(aggregate, scores),
          missed_of(aggregate, scores),
          interval.low,
          interval.high,
          aggregate.is_of_surfaces ? unit : "",
          aggregate.is_of_surfaces ? one_empty_of(scores) : 0};
}

/// (e): batches as they were fed, whatever their size.
Metric measure_batches(const std::vector<ScoredSlice>& slices, size_t classes) {
  Metric metric{"dice_batches", 0, 0, 0};
  for (size_t k = 0; k < classes; ++k) {
    std::map<int64_t, Overlap> batches;
    for (const ScoredSlice& slice : slices) batches[slice.batch] += slice.classes[k];
    for (const auto& [index, overlap] : batches) {
      const auto agreed = static_cast<double>(2 * overlap.tp);
      metric.value += (agreed + kBatchEps) / (agreed + static_cast<double>(overlap.fp + overlap.fn) + kBatchEps);
      metric.count += 1;
      metric.missed += is_missed(overlap);
    }
  }
  metric.value = metric.count == 0 ? kNone : metric.value / static_cast<double>(metric.count);
  return metric;
}

std::vector<std::string> counts_and_ratios(const Overlap& overlap) {
  return {std::to_string(overlap.tp),           std::to_string(overlap.fp),          std::to_string(overlap.fn),
          csv_number(overlap.dice(kBothEmpty)), csv_number(overlap.iou(kBothEmpty)), csv_number(overlap.sensitivity()),
          csv_number(overlap.precision())};
}

void append(std::vector<std::string>& row, std::vector<std::string> cells) {
  row.insert(row.end(), std::make_move_iterator(cells.begin()), std::make_move_iterator(cells.end()));
}

std::vector<std::string> header_of(std::vector<std::string> leading, bool has_classes) {
  if (has_classes) leading.emplace_back("class");
  append(leading, {"tp", "fp", "fn", "dice", "iou", "sensitivity", "precision", "missed"});
  return leading;
}

std::string to_string(SurfacesPresent present) {
  if (present == SurfacesPresent::both) return "both";
  return present == SurfacesPresent::one ? "one" : "none";
}

std::vector<std::string> surface_header(const std::vector<double>& tolerances, const std::string& unit) {
  std::vector<std::string> header = {"hd95_" + unit, "assd_" + unit};
  for (const double tolerance : tolerances) header.push_back(fmt::format("nsd_{}{}", tolerance, unit));
  header.emplace_back("surfaces");
  return header;
}

std::vector<std::string> surface_cells(const SurfaceScore& score) {
  std::vector<std::string> cells = {csv_number(score.hd95), csv_number(score.assd)};
  for (const double value : score.nsd) cells.push_back(csv_number(value));
  cells.push_back(to_string(score.present));
  return cells;
}

/// `surfaces`: the columns of surface_header(), or none.
CsvTable patient_table(const ClassScores& scores, const std::vector<std::string>& surfaces) {
  CsvTable table{header_of({"patient", "slices", "slices_positive"}, scores.size() > 1), {}};
  append(table.header, surfaces);
  for (size_t i = 0; i < scores[0].size(); ++i) {
    for (size_t k = 0; k < scores.size(); ++k) {
      const PatientScore& patient = scores[k][i];
      std::vector<std::string> row = {patient.subject, std::to_string(patient.slices), std::to_string(patient.slices_positive)};
      if (scores.size() > 1) row.push_back(std::to_string(k + 1));
      append(row, counts_and_ratios(patient.pooled));
      row.emplace_back(is_missed(patient.pooled) ? "1" : "0");
      if (!surfaces.empty()) append(row, surface_cells(patient.surfaces));
      table.rows.push_back(std::move(row));
    }
  }
  return table;
}

CsvTable slice_table(const std::vector<ScoredSlice>& slices, size_t classes) {
  CsvTable table{header_of({"patient", "session", "slice"}, classes > 1), {}};
  for (const ScoredSlice& slice : slices) {
    for (size_t k = 0; k < classes; ++k) {
      std::vector<std::string> row = {slice.key.subject, slice.key.session, std::to_string(slice.key.slice)};
      if (classes > 1) row.push_back(std::to_string(k + 1));
      append(row, counts_and_ratios(slice.classes[k]));
      row.emplace_back(is_missed(slice.classes[k]) ? "1" : "0");
      table.rows.push_back(std::move(row));
    }
  }
  return table;
}

/// `slices` sorted by key.
ClassScores patients_of(const std::vector<ScoredSlice>& slices, size_t classes) {
  ClassScores scores(classes);
  for (const ScoredSlice& slice : slices) {
    if (scores[0].empty() || scores[0].back().subject != slice.key.subject) {
      for (std::vector<PatientScore>& patients : scores) patients.push_back({slice.key.subject});
    }
    for (size_t k = 0; k < classes; ++k) add_slice(scores[k].back(), slice.classes[k]);
  }
  return scores;
}

class SegmentationEvaluator final : public Evaluator {
 public:
  SegmentationEvaluator(const SegmentationOptions& options, int64_t classes, const datasets::Source& source)
      : options_(options), foreground_(static_cast<size_t>(std::max<int64_t>(1, classes - 1))), is_binary_(classes == 1) {
    if (options.surface_distances == "always") {
      surfaces_.emplace(VolumeSurfacesOptions{surface_elements_of(options.surface_elements), options.surface_tolerances});
    }
    if (options.detection == "always") {
      detection_ =
          std::make_unique<Detection>(LesionOptions{options.lesion_overlap, options.smallest_lesion, options.smallest_lesion_mm3}, source);
    }
    if (options.label.is_wanted()) labels_.emplace(options.label, source);
    for (const datasets::CaseInfo& info : source.cases()) cases_[volume_of(info.key)] += 1;
  }

  void add(const Batch& batch, const at::Tensor& probabilities) override {
    LARMOR_ASSERT(static_cast<int64_t>(batch.source_labels.size()) == batch.count() && probabilities.size(0) == batch.count());
    for (int64_t i = 0; i < batch.count(); ++i) {
      const CaseKey& key = batch.keys[static_cast<size_t>(i)];
      const Image& truth = batch.source_labels[static_cast<size_t>(i)];
      if (truth.voxels() == 0) throw_data_error(key.to_string() + ": has no mask to score against");
      require_finite(probabilities[i], key);
      const at::Tensor resized = resize_to_source(probabilities[i], truth.width(), truth.height());
      Held held{{key, truth, decode_mask(resized, options_.threshold)}, batches_, detection_ ? confidence_of(resized) : at::Tensor()};
      if (options_.largest_component) {
        hold(std::move(held));
      } else {
        score(std::move(held));
      }
    }
    batches_ += 1;
  }

  void add_labels(const Batch& batch, const at::Tensor& probabilities) override {
    LARMOR_ASSERT(labels_.has_value());
    labels_->add(batch.keys, probabilities);
  }

  Evaluation finish() override {
    while (!held_.empty()) score_volume(held_.begin()->first);
    std::sort(slices_.begin(), slices_.end(), [](const ScoredSlice& a, const ScoredSlice& b) { return a.key < b.key; });
    for (size_t i = 1; i < slices_.size(); ++i) LARMOR_ASSERT(slices_[i - 1].key != slices_[i].key);
    ClassScores scores = patients_of(slices_, foreground_);
    measure_surfaces_of(scores);
    const std::string unit = surfaces_ ? surfaces_->unit() : "";
    const std::vector<Aggregate> aggregates = aggregates_of(options_);
    Evaluation evaluation;
    for (const Aggregate& aggregate : aggregates) evaluation.metrics.push_back(measure(aggregate, scores, options_.bootstrap, unit));
    evaluation.metrics.insert(evaluation.metrics.begin() + 4, measure_batches(slices_, foreground_));
    for (const Aggregate& aggregate : aggregates) {
      for (size_t k = 0; has_rows_per_class(aggregate) && k < foreground_; ++k) {
        evaluation.metrics.push_back(measure(aggregate, {scores[k]}, options_.bootstrap, unit));
        evaluation.metrics.back().name += fmt::format(".{}", k + 1);
      }
    }
    evaluation.patients = patient_table(scores, surfaces_ ? surface_header(options_.surface_tolerances, unit) : std::vector<std::string>());
    evaluation.slices = slice_table(slices_, foreground_);
    if (detection_) add_detection(evaluation);
    if (labels_) add_types(evaluation);
    for (auto& [subject, shown] : shown_) evaluation.largest_lesions.push_back(std::move(shown.slice));
    return evaluation;
  }

 private:
  struct Held {
    MaskedSlice slice;
    int64_t batch = 0;
    at::Tensor confidence;  ///< where lesions are counted
  };
  struct Shown {
    MaskedSlice slice;
    std::array<int64_t, 2> pixels{-1, -1};  ///< true, predicted
  };
  using Volume = std::pair<std::string, std::string>;  ///< subject, session

  static Volume volume_of(const CaseKey& key) { return {key.subject, key.session}; }

  static void require_finite(const at::Tensor& probabilities, const CaseKey& key) {
    if (at::isfinite(probabilities).all().item<bool>()) return;
    throw_run_error(key.to_string() + ": the network's output is not finite: its weights have diverged, or the input holds NaN");
  }

  /// Of any foreground class.
  at::Tensor confidence_of(const at::Tensor& probabilities) const { return is_binary_ ? probabilities[0] : 1 - probabilities[0]; }

  void add_detection(Evaluation& evaluation) {
    Detection::Score score = detection_->finish(options_.bootstrap);
    std::move(score.metrics.begin(), score.metrics.end(), std::back_inserter(evaluation.metrics));
    evaluation.lesions = std::move(score.lesions);
  }

  void add_types(Evaluation& evaluation) const {
    std::set<CaseKey> with_lesion;
    for (const ScoredSlice& slice : slices_) {
      const auto is_predicted = [](const Overlap& overlap) { return !overlap.prediction_is_empty(); };
      if (std::any_of(slice.classes.begin(), slice.classes.end(), is_predicted)) with_lesion.insert(slice.key);
    }
    const std::map<std::string, CaseAnswer> answers = labels_->answers(with_lesion);
    std::vector<Metric> metrics = case_label_metrics(answers, labels_->classes(), options_.bootstrap);
    std::move(metrics.begin(), metrics.end(), std::back_inserter(evaluation.metrics));
    evaluation.types = confusion_of(answers, labels_->classes());
    append(evaluation.patients.header, {"type_true", "type_predicted", "type_probability"});
    for (std::vector<std::string>& row : evaluation.patients.rows) {
      const CaseAnswer& answer = answers.at(row[0]);
      const auto name_of = [&](int64_t type) { return labels_->classes()[static_cast<size_t>(type)]; };
      append(row, {name_of(answer.truth), name_of(answer.predicted), csv_number(answer.probability)});
    }
  }

  bool has_rows_per_class(const Aggregate& aggregate) const {
    return foreground_ > 1 && (aggregate.name == kMainMetric || aggregate.is_of_surfaces);
  }

  void measure_surfaces_of(ClassScores& scores) const {
    if (!surfaces_) return;
    std::vector<uint8_t> labels;
    for (size_t k = 1; k <= foreground_; ++k) labels.push_back(is_binary_ ? uint8_t{0} : static_cast<uint8_t>(k));
    const auto measured = surfaces_->score(labels, at::get_num_threads());
    for (size_t k = 0; k < foreground_; ++k) {
      for (PatientScore& patient : scores[k]) patient.surfaces = measured.at(patient.subject)[k];
    }
  }

  /// Keeps the masks of a volume until its last slice has come.
  void hold(Held slice) {
    const Volume volume = volume_of(slice.slice.key);
    std::vector<Held>& held = held_[volume];
    held.push_back(std::move(slice));
    const auto expected = cases_.find(volume);
    if (expected != cases_.end() && static_cast<int64_t>(held.size()) == expected->second) score_volume(volume);
  }

  void score_volume(const Volume& volume) {
    std::vector<Held> held = std::move(held_.at(volume));
    held_.erase(volume);
    std::sort(held.begin(), held.end(), [](const Held& a, const Held& b) { return a.slice.key < b.slice.key; });
    std::vector<Image*> maps;
    std::vector<int64_t> numbers;
    for (Held& one : held) {
      maps.push_back(&one.slice.prediction);
      numbers.push_back(one.slice.key.slice);
    }
    try {
      keep_largest_component(maps, numbers);
    } catch (const Error& error) {
      throw error.with_context(volume.first);
    }
    for (Held& one : held) score(std::move(one));
  }

  void score(Held held) {
    MaskedSlice& slice = held.slice;
    ScoredSlice scored{slice.key, held.batch, {}};
    const auto truth = pixels_of(slice.truth), prediction = pixels_of(slice.prediction);
    for (size_t k = 1; k <= foreground_; ++k) {
      scored.classes.push_back(is_binary_ ? count_overlap(truth, prediction) : count_overlap(truth, prediction, static_cast<uint8_t>(k)));
    }
    slices_.push_back(std::move(scored));
    if (surfaces_) surfaces_->add(slice);
    if (detection_) detection_->add(slice, held.confidence);
    show(std::move(slice));
  }

  void show(MaskedSlice slice) {
    const Overlap whole = count_overlap(pixels_of(slice.truth), pixels_of(slice.prediction));
    const std::array<int64_t, 2> pixels = {whole.tp + whole.fn, whole.tp + whole.fp};
    Shown& shown = shown_[slice.key.subject];
    if (pixels <= shown.pixels) return;
    shown = {std::move(slice), pixels};
  }

  const SegmentationOptions options_;
  const size_t foreground_;
  const bool is_binary_;
  std::map<Volume, int64_t> cases_;
  std::map<Volume, std::vector<Held>> held_;
  std::map<std::string, Shown> shown_;
  std::vector<ScoredSlice> slices_;
  std::optional<VolumeSurfaces> surfaces_;
  std::unique_ptr<Detection> detection_;
  std::optional<CaseLabelScorer> labels_;
  int64_t batches_ = 0;
};

class SegmentationTask final : public Task {
 public:
  SegmentationTask(const SegmentationOptions& options, int64_t classes) : options_(options), classes_(classes) {}

  at::Tensor encode_target(const Batch& batch) const override {
    const std::vector<int64_t> shape = {batch.shape[0], batch.shape[2], batch.shape[3]};
    const at::Tensor labels = at::from_blob(batch.label, shape, at::kByte);
    if (classes_ == 1) return labels.ne(0).to(at::kFloat).unsqueeze(1);
    for (int64_t i = 0; i < batch.count(); ++i) require_known_classes(labels[i], batch.keys[static_cast<size_t>(i)]);
    return labels.to(at::kLong);
  }

  at::Tensor activate(const at::Tensor& logits) const override { return classes_ == 1 ? logits.sigmoid() : logits.softmax(1); }

  std::unique_ptr<Evaluator> make_evaluator(const datasets::Source& source) const override {
    return std::make_unique<SegmentationEvaluator>(options_, classes_, source);
  }

  CaseLabelOptions label() const override { return options_.label; }

  bool is_lateral() const override { return options_.lateral; }

  std::vector<std::string> metric_names() const override {
    std::vector<std::string> names;
    const std::vector<Aggregate> aggregates = aggregates_of(options_);
    std::transform(aggregates.begin(), aggregates.end(), std::back_inserter(names), [](const Aggregate& one) { return one.name; });
    names.insert(names.begin() + 4, "dice_batches");
    for (const Aggregate& aggregate : aggregates) {
      const bool has_classes = classes_ > 2 && (aggregate.name == kMainMetric || aggregate.is_of_surfaces);
      for (int64_t k = 1; has_classes && k < classes_; ++k) names.push_back(fmt::format("{}.{}", aggregate.name, k));
    }
    if (options_.detection == "always") append(names, detection_metric_names());
    if (options_.label.is_wanted()) append(names, case_label_metric_names());
    return names;
  }

 private:
  void require_known_classes(const at::Tensor& labels, const CaseKey& key) const {
    const int64_t highest = labels.numel() == 0 ? 0 : labels.max().item<int64_t>();
    if (highest < classes_) return;
    throw_data_error(fmt::format("{}: its mask has class {}, but the network has {} classes (0 to {})", key.to_string(), highest, classes_,
                                 classes_ - 1));
  }

  const SegmentationOptions options_;
  const int64_t classes_;
};

}  // namespace

OptionTable options_of(SegmentationOptions& options) {
  OptionTable table;
  table.add("threshold", options.threshold, "one class: probability at or above is inside", between(0, 1));
  table.add("largest_component", options.largest_component, "keep the largest face-connected 3-D component of a patient's mask");
  table.add("lateral", options.lateral, "a class means left or right: mirrored views are refused");
  table.add("bootstrap", options.bootstrap, "resamples of the confidence intervals over patients", between(1, 1000000));
  table.add("surface_distances", options.surface_distances,
            "when HD95, ASSD and NSD are computed: when a run is evaluated, in every validation too, or never",
            {"evaluation", "always", "never"});
  table.add("surface_elements", options.surface_elements,
            "what a surface consists of: triangles between voxels (DeepMind's definition) or border voxels (MONAI's)",
            {"surfels", "voxels"});
  table.add("surface_tolerances", options.surface_tolerances, "tolerances of NSD, in mm, or in pixels where the source knows no spacing",
            at_least(0));
  table.add("detection", options.detection,
            "when presence and lesions are counted: when a run is evaluated, in every validation too, or never",
            {"evaluation", "always", "never"});
  table.add("lesion_overlap", options.lesion_overlap, "share of a true lesion's voxels that must be predicted to find it; 0: any voxel",
            between(0, 1));
  table.add("smallest_lesion", options.smallest_lesion, "voxels; smaller lesions do not count, neither true nor predicted ones",
            at_least(1));
  table.add("smallest_lesion_mm3", options.smallest_lesion_mm3, "the same in mm³, where the source knows its spacing; 0: off", at_least(0));
  add_case_label(table, options.label);
  table.check("surface_tolerances", [&options]() -> std::string {
    std::set<double> distinct;
    for (const double tolerance : options.surface_tolerances) {
      if (!distinct.insert(tolerance).second) return fmt::format("{} stands twice", tolerance);
    }
    return "";
  });
  return table;
}

std::unique_ptr<Task> make_segmentation(const SegmentationOptions& options, int64_t classes) {
  return std::make_unique<SegmentationTask>(options, classes);
}

void register_segmentation(Registry& tasks) {
  tasks.add<SegmentationOptions>("segmentation", "masks of one or several classes, scored per slice and per patient",
                                 "five stated aggregates of Dice",
                                 [](const SegmentationOptions& options, int64_t classes) { return make_segmentation(options, classes); });
}

}  // namespace larmor::eval
