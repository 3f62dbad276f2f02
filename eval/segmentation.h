// Task `segmentation`: masks of one foreground class (or several), scored per slice and per patient.
//
// Probabilities are resized (bilinear, align_corners = false) to the source's size, thresholded, and compared with the source's own
// mask: training at 128 x 128 is scored at 256 x 256. Five aggregates of Dice, always all of them (docs/reference/metrics.md):
//   dice_positive_slices  (a) mean over slices with non-empty truth
//   dice_all_slices       (b) mean over all slices, empty/empty = 1
//   dice_patients         (c) mean over patients of the Dice pooled over the patient's slices
//   dice_pooled           (d) all pixels pooled
//   dice_batches          (e) mean over batches of the batch-pooled score with eps 1e-7: what SMP's epoch loop prints
#pragma once
#include <cstdint>
#include <string>

#include "core/options.h"
#include "eval/registry.h"

namespace larmor::eval {

struct SegmentationOptions {
  double threshold = 0.5;          ///< one class: probability at or above is inside
  bool largest_component = false;  ///< keep the largest face-connected 3-D component of a patient's mask
  int64_t bootstrap = 10000;       ///< resamples of the confidence intervals over patients
};
OptionTable options_of(SegmentationOptions& options);

}  // namespace larmor::eval
