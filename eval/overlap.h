// Overlap of two binary masks: counts and the ratios made of them.
#pragma once
#include <cstdint>
#include <span>

namespace larmor::eval {

struct Overlap {
  int64_t tp = 0, fp = 0, fn = 0, tn = 0;
  Overlap& operator+=(const Overlap& other);
  bool truth_is_empty() const { return tp + fn == 0; }
  bool prediction_is_empty() const { return tp + fp == 0; }
  /// 2 tp / (2 tp + fp + fn). `both_empty` is what 0/0 means (the aggregates state theirs).
  double dice(double both_empty) const;
  double iou(double both_empty) const;
  double sensitivity() const;                ///< NaN without true pixels
  double precision() const;                  ///< NaN without predicted pixels
  double specificity() const;                ///< NaN without negative pixels
  double negative_predictive_value() const;  ///< NaN without predicted negatives
  double accuracy() const;
  double relative_volume_difference() const;  ///< (P - G) / G; NaN without true pixels
  double volume_similarity() const;           ///< 1 - |P - G| / (P + G); NaN when both are empty
};

/// Non-zero is inside. Lengths must be equal (assertion).
Overlap count_overlap(std::span<const uint8_t> truth, std::span<const uint8_t> prediction);
/// The same for one class of two label maps: pixels equal to `label` are inside.
Overlap count_overlap(std::span<const uint8_t> truth, std::span<const uint8_t> prediction, uint8_t label);

}  // namespace larmor::eval
