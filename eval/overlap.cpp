#include "eval/overlap.h"

#include <cmath>
#include <limits>

#include "core/error.h"

namespace larmor::eval {

namespace {

double ratio(int64_t numerator, int64_t denominator, double when_empty = std::numeric_limits<double>::quiet_NaN()) {
  return denominator == 0 ? when_empty : static_cast<double>(numerator) / static_cast<double>(denominator);
}

template <class Inside>
Overlap count(std::span<const uint8_t> truth, std::span<const uint8_t> prediction, Inside inside) {
  LARMOR_ASSERT(truth.size() == prediction.size());
  int64_t both = 0, true_pixels = 0, predicted_pixels = 0;
  for (size_t i = 0; i < truth.size(); ++i) {
    const int is_true = inside(truth[i]), is_predicted = inside(prediction[i]);
    both += is_true & is_predicted;
    true_pixels += is_true;
    predicted_pixels += is_predicted;
  }
  const auto all = static_cast<int64_t>(truth.size());
  return {both, predicted_pixels - both, true_pixels - both, all - true_pixels - predicted_pixels + both};
}

}  // namespace

Overlap& Overlap::operator+=(const Overlap& other) {
  tp += other.tp;
  fp += other.fp;
  fn += other.fn;
  tn += other.tn;
  return *this;
}

double Overlap::dice(double both_empty) const { return ratio(2 * tp, 2 * tp + fp + fn, both_empty); }
double Overlap::iou(double both_empty) const { return ratio(tp, tp + fp + fn, both_empty); }
double Overlap::sensitivity() const { return ratio(tp, tp + fn); }
double Overlap::precision() const { return ratio(tp, tp + fp); }
double Overlap::specificity() const { return ratio(tn, tn + fp); }
double Overlap::negative_predictive_value() const { return ratio(tn, tn + fn); }
double Overlap::accuracy() const { return ratio(tp + tn, tp + fp + fn + tn); }
double Overlap::relative_volume_difference() const { return ratio(fp - fn, tp + fn); }
double Overlap::volume_similarity() const { return 1 - ratio(std::abs(fn - fp), 2 * tp + fp + fn); }

Overlap count_overlap(std::span<const uint8_t> truth, std::span<const uint8_t> prediction) {
  return count(truth, prediction, [](uint8_t value) { return value != 0; });
}

Overlap count_overlap(std::span<const uint8_t> truth, std::span<const uint8_t> prediction, uint8_t label) {
  return count(truth, prediction, [label](uint8_t value) { return value == label; });
}

}  // namespace larmor::eval
