#include "eval/lesions.h"

#include <algorithm>
#include <set>
#include <utility>

#include "core/error.h"
#include "imaging/components.h"

namespace larmor::eval {

namespace {

using imaging::Components;
using imaging::Image;

constexpr int kFaces = 1;  // connectivity

std::vector<bool> which_count(const Components& components, double voxel_mm3, const LesionOptions& options) {
  std::vector<bool> counts;
  for (const int64_t size : components.sizes) {
    const bool is_large = voxel_mm3 <= 0 || static_cast<double>(size) * voxel_mm3 >= options.smallest_mm3;
    counts.push_back(size >= options.smallest_voxels && is_large);
  }
  return counts;
}

/// Where true and predicted components meet; numbered from 0.
struct Meetings {
  std::set<std::pair<size_t, size_t>> pairs;  ///< predicted, true
  std::vector<int64_t> covered;               ///< voxels of each true component in predicted ones that count
};

Meetings find_meetings(const Components& truth, const Components& prediction, const std::vector<bool>& counts) {
  Meetings meetings{{}, std::vector<int64_t>(truth.sizes.size())};
  std::pair<size_t, size_t> last{SIZE_MAX, SIZE_MAX};
  for (size_t i = 0; i < truth.labels.size(); ++i) {
    if (truth.labels[i] == 0 || prediction.labels[i] == 0) continue;
    const std::pair<size_t, size_t> pair(prediction.labels[i] - 1, truth.labels[i] - 1);
    if (pair != last) meetings.pairs.insert(pair);  // neighbours mostly repeat it
    last = pair;
    if (counts[pair.first]) ++meetings.covered[pair.second];
  }
  return meetings;
}

/// Boxes and confidences of all components.
std::vector<Lesion> describe(const Components& components, const Image& mask, std::span<const float> confidence) {
  std::vector<Lesion> lesions(components.sizes.size());
  const int64_t width = mask.width(), height = mask.height();
  for (size_t i = 0; i < components.labels.size(); ++i) {
    if (components.labels[i] == 0) continue;
    Lesion& lesion = lesions[static_cast<size_t>(components.labels[i]) - 1];
    const auto at = static_cast<int64_t>(i);
    const std::array<int64_t, 3> place{at % width, at / width % height, at / (width * height)};
    const double value = confidence[i];
    if (lesion.voxels == 0) {
      lesion.first = lesion.last = place;
      lesion.confidence_max = value;
    }
    for (size_t axis = 0; axis < 3; ++axis) {
      lesion.first[axis] = std::min(lesion.first[axis], place[axis]);
      lesion.last[axis] = std::max(lesion.last[axis], place[axis]);
    }
    lesion.voxels += 1;
    lesion.confidence_max = std::max(lesion.confidence_max, value);
    lesion.confidence_mean += value;
  }
  for (Lesion& lesion : lesions) lesion.confidence_mean /= static_cast<double>(lesion.voxels);
  return lesions;
}

LesionOutcome outcome_of(size_t predicted, const Meetings& meetings, const std::vector<bool>& counts, const std::vector<bool>& is_found) {
  bool meets_any = false, meets_counted = false;
  for (auto pair = meetings.pairs.lower_bound({predicted, 0}); pair != meetings.pairs.end() && pair->first == predicted; ++pair) {
    if (is_found[pair->second]) return LesionOutcome::hit;
    meets_any = true;
    meets_counted = meets_counted || counts[pair->second];
  }
  return meets_any && !meets_counted ? LesionOutcome::ignored : LesionOutcome::false_positive;
}

}  // namespace

std::string to_string(LesionOutcome outcome) {
  switch (outcome) {
    case LesionOutcome::hit:
      return "hit";
    case LesionOutcome::false_positive:
      return "false_positive";
    case LesionOutcome::ignored:
      return "ignored";
    case LesionOutcome::missed:
      break;
  }
  return "missed";
}

LesionMatch match_lesions(const Image& truth, const Image& prediction, std::span<const float> confidence, double voxel_mm3,
                          const LesionOptions& options) {
  LARMOR_ASSERT(truth.size == prediction.size && static_cast<int64_t>(confidence.size()) == truth.voxels());
  const Components true_ones = imaging::label_components(truth, kFaces), predicted_ones = imaging::label_components(prediction, kFaces);
  const std::vector<bool> true_counts = which_count(true_ones, voxel_mm3, options);
  const std::vector<bool> predicted_counts = which_count(predicted_ones, voxel_mm3, options);
  const Meetings meetings = find_meetings(true_ones, predicted_ones, predicted_counts);

  std::vector<bool> is_found(true_counts.size());
  for (size_t i = 0; i < is_found.size(); ++i) {
    const auto covered = static_cast<double>(meetings.covered[i]);
    is_found[i] = true_counts[i] && covered > 0 && covered >= options.overlap * static_cast<double>(true_ones.sizes[i]);
  }
  LesionMatch match;
  match.truth = std::count(true_counts.begin(), true_counts.end(), true);
  match.found = std::count(is_found.begin(), is_found.end(), true);
  const std::vector<Lesion> predicted = describe(predicted_ones, prediction, confidence);
  for (size_t i = 0; i < predicted.size(); ++i) {
    if (!predicted_counts[i]) continue;
    match.lesions.push_back(predicted[i]);
    const LesionOutcome outcome = match.lesions.back().outcome = outcome_of(i, meetings, true_counts, is_found);
    match.predicted += 1;
    match.hits += outcome == LesionOutcome::hit;
    match.false_positives += outcome == LesionOutcome::false_positive;
  }
  const std::vector<Lesion> all_true = describe(true_ones, truth, confidence);
  for (size_t i = 0; i < all_true.size(); ++i) {
    if (true_counts[i] && !is_found[i]) match.lesions.push_back(all_true[i]);
  }
  return match;
}

}  // namespace larmor::eval
