#include "eval/detection.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <numeric>
#include <utility>

#include "core/error.h"
#include "eval/statistics.h"

namespace larmor::eval {

namespace {

using imaging::Geometry;
using imaging::Image;

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
constexpr double kConfidence = 0.95;
constexpr const char* kAuc = "slice_auc";
constexpr const char* kFalsePositives = "lesion_false_positives";
constexpr const char* kHowToGoOn = "without them: task.detection: never (--no-detection)";

/// What all ratios of a patient are made of.
struct Counts {
  int64_t slices_with = 0, slices_found = 0, slices_without = 0, slices_clear = 0;
  int64_t lesions = 0, lesions_found = 0, predicted = 0, hits = 0, false_positives = 0;
  int64_t cases = 0, cases_with = 0, cases_found = 0, cases_without = 0, cases_clear = 0;
};

enum class Kind { sensitivity, other, area };
enum class Over { patients, cases };

/// One metric: the ratio of two sums over patients, and how people call it.
struct Ratio {
  const char* name;
  int64_t Counts::*part;
  int64_t Counts::*whole;
  Kind kind;
  Over interval_over;
  const char* text;
  const char* counted;
};

/// The area comes after the slices' ratios.
const std::vector<Ratio>& ratios() {
  static const std::vector<Ratio> all = {
      {"slice_sensitivity", &Counts::slices_found, &Counts::slices_with, Kind::sensitivity, Over::patients, "sensitivity, slices",
       "slices with lesion"},
      {"slice_specificity", &Counts::slices_clear, &Counts::slices_without, Kind::other, Over::patients, "specificity, slices",
       "slices without"},
      {kAuc, nullptr, nullptr, Kind::area, Over::patients, "AUC of slices' highest probability", "slices"},
      {"lesion_sensitivity", &Counts::lesions_found, &Counts::lesions, Kind::sensitivity, Over::patients, "sensitivity, lesions",
       "true lesions"},
      {"lesion_precision", &Counts::hits, &Counts::predicted, Kind::other, Over::patients, "precision, lesions", "predicted lesions"},
      {kFalsePositives, &Counts::false_positives, &Counts::cases, Kind::other, Over::patients, "false positive lesions per case", "cases"},
      {"case_sensitivity", &Counts::cases_found, &Counts::cases_with, Kind::sensitivity, Over::cases, "sensitivity, cases",
       "cases with lesion"},
      {"case_specificity", &Counts::cases_clear, &Counts::cases_without, Kind::other, Over::cases, "specificity, cases", "cases without"}};
  return all;
}

double divided(int64_t part, int64_t whole) { return whole == 0 ? kNone : static_cast<double>(part) / static_cast<double>(whole); }

Metric measure(const Ratio& ratio, const std::vector<Counts>& patients, int64_t resamples) {
  std::vector<int64_t> everyone(patients.size());
  std::iota(everyone.begin(), everyone.end(), int64_t{0});
  const auto sum = [&](int64_t Counts::*count, std::span<const int64_t> chosen) {
    int64_t total = 0;
    for (const int64_t i : chosen) total += patients[static_cast<size_t>(i)].*count;
    return total;
  };
  const int64_t part = sum(ratio.part, everyone), whole = sum(ratio.whole, everyone);
  Metric metric{ratio.name, divided(part, whole), whole, ratio.kind == Kind::sensitivity ? whole - part : 0};
  Interval interval{kNone, kNone};
  if (ratio.interval_over == Over::patients) {
    interval = bootstrap(
        static_cast<int64_t>(patients.size()),
        [&](std::span<const int64_t> drawn) { return divided(sum(ratio.part, drawn), sum(ratio.whole, drawn)); }, kConfidence, resamples);
  } else if (whole > 0) {
    interval = proportion_interval(part, whole, kConfidence);
  }
  metric.low = interval.low;
  metric.high = interval.high;
  return metric;
}

Metric measure_area(std::vector<RankedSlice> slices, size_t patients, int64_t resamples) {
  std::stable_sort(slices.begin(), slices.end(), [](const RankedSlice& a, const RankedSlice& b) { return a.confidence < b.confidence; });
  std::vector<int64_t> weights(patients, 1);
  Metric metric{kAuc, area_under_curve(slices, weights), static_cast<int64_t>(slices.size())};
  const Interval interval = bootstrap(
      static_cast<int64_t>(patients),
      [&](std::span<const int64_t> drawn) {
        std::fill(weights.begin(), weights.end(), 0);
        for (const int64_t i : drawn) ++weights[static_cast<size_t>(i)];
        return area_under_curve(slices, weights);
      },
      kConfidence, resamples);
  metric.low = interval.low;
  metric.high = interval.high;
  return metric;
}

/// A range of columns or rows; empty while `low` is not below `high`.
struct Range {
  int64_t low, high;
  void include(int64_t from, int64_t to) {
    low = std::min(low, from);
    high = std::max(high, to);
  }
  int64_t length() const { return std::max<int64_t>(0, high - low); }
};

/// The part of one slice that holds a mask.
struct Piece {
  int64_t number = 0;
  Range columns{}, rows{};
  std::vector<uint8_t> truth, prediction;
  std::vector<float> confidence;
};

/// A case in the making.
struct Volume {
  int64_t slices = 0;
  int64_t width = 0, height = 0;
  Geometry geometry;
  std::vector<Piece> pieces;
};

Piece cut_out(const MaskedSlice& slice, const float* confidence) {
  const int64_t width = slice.truth.width(), height = slice.truth.height();
  const uint8_t* truth = slice.truth.data<uint8_t>();
  const uint8_t* prediction = slice.prediction.data<uint8_t>();
  Piece piece{slice.key.slice, {width, 0}, {height, 0}, {}, {}, {}};
  for (int64_t i = 0; i < width * height; ++i) {
    if ((truth[i] | prediction[i]) == 0) continue;
    piece.columns.include(i % width, i % width + 1);
    piece.rows.include(i / width, i / width + 1);
  }
  for (int64_t y = piece.rows.low; y < piece.rows.high; ++y) {
    const int64_t from = y * width + piece.columns.low, to = y * width + piece.columns.high;
    piece.truth.insert(piece.truth.end(), truth + from, truth + to);
    piece.prediction.insert(piece.prediction.end(), prediction + from, prediction + to);
    piece.confidence.insert(piece.confidence.end(), confidence + from, confidence + to);
  }
  return piece;
}

/// A case's masks around all its pieces. Of several slices without anything in a row one stands for all.
struct Stack {
  Image truth, prediction;
  std::vector<float> confidence;
  std::vector<int64_t> numbers;  ///< of each plane's slice; -1 for an empty one between
  int64_t x = 0, y = 0;          ///< of the corner
};

/// `pieces` in order of their numbers, at least one.
Stack stack_of(const std::vector<Piece>& pieces) {
  Stack stack;
  Range columns = pieces[0].columns, rows = pieces[0].rows;
  for (const Piece& piece : pieces) {
    columns.include(piece.columns.low, piece.columns.high);
    rows.include(piece.rows.low, piece.rows.high);
    if (!stack.numbers.empty() && piece.number != stack.numbers.back() + 1) stack.numbers.push_back(-1);
    stack.numbers.push_back(piece.number);
  }
  stack.x = columns.low;
  stack.y = rows.low;
  const int64_t width = columns.length(), plane = width * rows.length();
  stack.truth = Image::make({width, rows.length(), static_cast<int64_t>(stack.numbers.size())}, 1, imaging::PixelType::u8);
  stack.prediction = stack.truth;
  stack.confidence.resize(static_cast<size_t>(stack.truth.voxels()));
  size_t next = 0;
  for (const Piece& piece : pieces) {
    while (stack.numbers[next] != piece.number) ++next;
    const int64_t length = piece.columns.length();
    for (int64_t y = 0; y < piece.rows.length(); ++y) {
      const int64_t from = y * length;
      const int64_t to = static_cast<int64_t>(next) * plane + (piece.rows.low - rows.low + y) * width + piece.columns.low - columns.low;
      std::copy_n(piece.truth.begin() + from, length, stack.truth.data<uint8_t>() + to);
      std::copy_n(piece.prediction.begin() + from, length, stack.prediction.data<uint8_t>() + to);
      std::copy_n(piece.confidence.begin() + from, length, stack.confidence.begin() + to);
    }
  }
  return stack;
}

/// 0 where it is not known.
double voxel_mm3(const Geometry& geometry) {
  const auto& spacing = geometry.spacing_mm;
  return geometry.has_spacing ? spacing[0] * spacing[1] * spacing[2] : 0;
}

/// Files round what they store.
bool is_same_spacing(const Geometry& a, const Geometry& b) {
  constexpr double kRounding = 1e-4;
  return std::abs(voxel_mm3(a) - voxel_mm3(b)) <= kRounding * voxel_mm3(b);
}

bool has_any(const Image& mask) {
  const uint8_t* pixels = mask.data<uint8_t>();
  return std::any_of(pixels, pixels + mask.voxels(), [](uint8_t value) { return value != 0; });
}

std::string rounded(double value) { return std::isnan(value) ? "–" : fmt::format("{:.4f}", value); }

/// What of the count was not as it should be.
std::string complement_of(const Ratio& ratio, const Metric& metric) {
  if (ratio.kind == Kind::area || metric.count == 0) return "";
  if (ratio.kind == Kind::sensitivity) return fmt::format("{:>5} missed", metric.missed);
  const auto part = static_cast<int64_t>(std::llround(metric.value * static_cast<double>(metric.count)));
  if (metric.name == kFalsePositives) return fmt::format("{:>5} in all", part);
  return fmt::format("{:>5} false", metric.count - part);
}

}  // namespace

double area_under_curve(std::span<const RankedSlice> ascending, std::span<const int64_t> weights) {
  int64_t positives = 0, negatives = 0, twice_ordered = 0;  // pairs in the right order count 2, ties 1
  for (size_t i = 0; i < ascending.size();) {
    int64_t tied_positives = 0, tied_negatives = 0;
    const float confidence = ascending[i].confidence;
    for (; i < ascending.size() && ascending[i].confidence == confidence; ++i) {
      (ascending[i].is_positive ? tied_positives : tied_negatives) += weights[ascending[i].patient];
    }
    twice_ordered += tied_positives * (2 * negatives + tied_negatives);
    positives += tied_positives;
    negatives += tied_negatives;
  }
  return divided(twice_ordered, 2 * positives * negatives);
}

const std::vector<std::string>& detection_metric_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (const Ratio& ratio : ratios()) all.emplace_back(ratio.name);
    return all;
  }();
  return names;
}

bool is_detection_metric(const std::string& name) {
  const std::vector<std::string>& names = detection_metric_names();
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::string detection_text(const std::vector<Metric>& metrics) {
  std::string text;
  for (const Ratio& ratio : ratios()) {
    const auto found = std::find_if(metrics.begin(), metrics.end(), [&](const Metric& metric) { return metric.name == ratio.name; });
    if (found == metrics.end()) continue;
    const std::string interval = std::isnan(found->low) ? "–" : fmt::format("[{:.3f}, {:.3f}]", found->low, found->high);
    text += fmt::format("  {:<38}{:>7}   {:<16}{:>6} {:<18}{}\n", ratio.text, rounded(found->value), interval, found->count, ratio.counted,
                        complement_of(ratio, *found));
  }
  return text;
}

struct Detection::State {
  using Name = std::pair<std::string, std::string>;  ///< subject, session

  void require_alike(const MaskedSlice& slice, const Volume& volume) const;
  void finish_volume(const Name& name);
  void add_rows(const Name& name, const Volume& volume, const Stack& stack, const LesionMatch& match);

  LesionOptions options;
  std::map<Name, int64_t> expected;  ///< slices of each case
  std::map<Name, Volume> volumes;    ///< those not complete
  std::map<std::string, Counts> patients;
  std::vector<std::pair<std::string, RankedSlice>> slices;
  std::map<Name, std::vector<std::vector<std::string>>> rows;
};

Detection::Detection(const LesionOptions& options, const datasets::Source& source) : state_(std::make_unique<State>()) {
  state_->options = options;
  for (const datasets::CaseInfo& info : source.cases()) state_->expected[{info.key.subject, info.key.session}] += 1;
}

Detection::~Detection() = default;

void Detection::State::require_alike(const MaskedSlice& slice, const Volume& volume) const {
  const Image& truth = slice.truth;
  if (options.smallest_mm3 > 0 && !truth.geometry.has_spacing) {
    throw_data_error(
        fmt::format("{}: has no spacing, so that its lesions have no volume in mm³: give task.smallest_lesion in voxels "
                    "(--smallest-lesion) in the place of task.smallest_lesion_mm3",
                    slice.key.to_string()));
  }
  if (truth.width() != volume.width || truth.height() != volume.height) {
    throw_data_error(fmt::format("{}: is {} x {}, the slices before of its volume are {} x {}: lesions need one size; {}",
                                 slice.key.to_string(), truth.width(), truth.height(), volume.width, volume.height, kHowToGoOn));
  }
  if (truth.geometry.has_spacing != volume.geometry.has_spacing || !is_same_spacing(truth.geometry, volume.geometry)) {
    throw_data_error(
        fmt::format("{}: its voxels have {:g} mm³, those of the slices before of its volume {:g}: lesions need one spacing; {}",
                    slice.key.to_string(), voxel_mm3(truth.geometry), voxel_mm3(volume.geometry), kHowToGoOn));
  }
}

void Detection::add(const MaskedSlice& slice, const at::Tensor& confidence) {
  const Image& truth = slice.truth;
  LARMOR_ASSERT(confidence.dim() == 2 && confidence.size(0) == truth.height() && confidence.size(1) == truth.width());
  LARMOR_ASSERT(slice.prediction.size == truth.size);
  const State::Name name(slice.key.subject, slice.key.session);
  Volume& volume = state_->volumes.try_emplace(name, Volume{0, truth.width(), truth.height(), truth.geometry, {}}).first->second;
  state_->require_alike(slice, volume);

  const at::Tensor values = confidence.to(at::kFloat).contiguous();
  const bool is_positive = has_any(truth), is_predicted = has_any(slice.prediction);
  Counts& counts = state_->patients[slice.key.subject];
  (is_positive ? counts.slices_with : counts.slices_without) += 1;
  counts.slices_found += is_positive && is_predicted;
  counts.slices_clear += !is_positive && !is_predicted;
  state_->slices.push_back({slice.key.subject, {values.max().item<float>(), is_positive, 0}});
  if (is_positive || is_predicted) volume.pieces.push_back(cut_out(slice, values.const_data_ptr<float>()));
  volume.slices += 1;
  const auto expected = state_->expected.find(name);
  if (expected != state_->expected.end() && volume.slices == expected->second) state_->finish_volume(name);
}

void Detection::State::finish_volume(const Name& name) {
  const auto node = volumes.extract(name);
  Volume volume = node.mapped();
  LesionMatch match;
  if (!volume.pieces.empty()) {
    std::sort(volume.pieces.begin(), volume.pieces.end(), [](const Piece& a, const Piece& b) { return a.number < b.number; });
    const Stack stack = stack_of(volume.pieces);
    match = match_lesions(stack.truth, stack.prediction, stack.confidence, voxel_mm3(volume.geometry), options);
    add_rows(name, volume, stack, match);
  }
  Counts& counts = patients[name.first];
  counts.lesions += match.truth;
  counts.lesions_found += match.found;
  counts.predicted += match.hits + match.false_positives;
  counts.hits += match.hits;
  counts.false_positives += match.false_positives;
  counts.cases += 1;
  (match.truth > 0 ? counts.cases_with : counts.cases_without) += 1;
  counts.cases_found += match.truth > 0 && match.predicted > 0;
  counts.cases_clear += match.truth == 0 && match.predicted == 0;
}

void Detection::State::add_rows(const Name& name, const Volume& volume, const Stack& stack, const LesionMatch& match) {
  for (const Lesion& lesion : match.lesions) {
    const double mm3 = voxel_mm3(volume.geometry) * static_cast<double>(lesion.voxels);
    rows[name].push_back({name.first, name.second, to_string(lesion.outcome), std::to_string(stack.x + lesion.first[0]),
                          std::to_string(stack.y + lesion.first[1]), std::to_string(stack.numbers[static_cast<size_t>(lesion.first[2])]),
                          std::to_string(stack.x + lesion.last[0]), std::to_string(stack.y + lesion.last[1]),
                          std::to_string(stack.numbers[static_cast<size_t>(lesion.last[2])]), std::to_string(lesion.voxels),
                          volume.geometry.has_spacing ? csv_number(mm3) : "", csv_number(lesion.confidence_max),
                          csv_number(lesion.confidence_mean)});
  }
}

Detection::Score Detection::finish(int64_t resamples) {
  while (!state_->volumes.empty()) state_->finish_volume(State::Name(state_->volumes.begin()->first));
  std::vector<Counts> patients;
  std::map<std::string, size_t> place;
  for (const auto& [subject, counts] : state_->patients) {
    place[subject] = patients.size();
    patients.push_back(counts);
  }
  std::vector<RankedSlice> slices;
  slices.reserve(state_->slices.size());
  for (const auto& [subject, slice] : state_->slices) slices.push_back({slice.confidence, slice.is_positive, place.at(subject)});
  Score score;
  for (const Ratio& ratio : ratios()) {
    score.metrics.push_back(ratio.kind == Kind::area ? measure_area(slices, patients.size(), resamples)
                                                     : measure(ratio, patients, resamples));
  }
  score.lesions.header = {"patient", "session",        "outcome",        "x", "y", "slice", "x_last", "y_last", "slice_last", "voxels",
                          "mm3",     "confidence_max", "confidence_mean"};
  for (auto& [name, of_case] : state_->rows) {
    for (auto& row : of_case) score.lesions.rows.push_back(std::move(row));
  }
  return score;
}

}  // namespace larmor::eval
