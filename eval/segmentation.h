// Task `segmentation`: masks of one foreground class (or several), scored per slice and per patient.
//
// Probabilities are resized (bilinear, align_corners = false; padding to square undone) to the source's size, thresholded, and compared
// with the source's own mask: training at 128 x 128 is scored at 256 x 256. Five aggregates of Dice, always all of them:
//   dice_positive_slices  (a) mean over slices with non-empty truth
//   dice_all_slices       (b) mean over all slices
//   dice_patients         (c) mean over patients of the Dice pooled over the patient's slices
//   dice_pooled           (d) all pixels pooled
//   dice_batches          (e) mean over batches of the batch-pooled score with eps 1e-7: what SMP's epoch loop prints (there at the
//                             network's size)
// and iou_patients, sensitivity_patients, precision_patients as (c).
//
// Empty masks. Truth and prediction both empty: Dice and IoU are 1. Only one of them empty: 0; so a missed lesion always counts, as 0.
// Sensitivity is averaged over patients with a lesion, precision over patients with a lesion or a prediction, and is 0 where a lesion
// was there and nothing predicted. A slice or patient is missed when it has a lesion and no predicted pixel meets it; `missed` counts
// them. A mean over no cases is NaN with count 0.
//
// Surfaces (surface_distance.h; option surface_distances): hd95_patients, assd_patients and nsd_<tolerance>_patients, means over patients
// of the distances in their volumes; in mm where the source knows its spacing, else in px. One mask empty: the diagonal of the volume
// and NSD 0, counted in `one_empty`; both: 0 and NSD 1.
//
// Detection (detection.h; option detection): presence per slice and per case, lesions found and false positives, of all foreground classes
// together; a table of lesions.
//
// Label of the case (case_label.h, case_label_scores.h; option label): type_accuracy, type_balanced_accuracy, the patients' true and
// predicted type.
//
// Several classes (0 is background): the most probable class; every aggregate is the mean over the foreground classes of the class's
// aggregate, classes without a case left out; dice_patients.<class> follow, and the tables have one row per class.
//
// Intervals are percentile bootstraps over patients, who carry their slices with them; (e) has none.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/options.h"
#include "eval/case_label.h"
#include "eval/registry.h"

namespace larmor::eval {

struct SegmentationOptions {
  double threshold = 0.5;          ///< one class: probability at or above is inside
  bool largest_component = false;  ///< keep the largest face-connected 3-D component of a patient's mask
  bool lateral = false;            ///< a class means left or right: mirrored views are refused
  int64_t bootstrap = 10000;       ///< resamples of the confidence intervals over patients
  /// When surface distances are computed. "evaluation" is `always` in evaluate_run() and `never` elsewhere, as while training.
  std::string surface_distances = "evaluation";  ///< evaluation | always | never
  std::string surface_elements = "surfels";      ///< surfels | voxels
  std::vector<double> surface_tolerances{1, 2};  ///< of NSD, in mm (px)
  std::string detection = "evaluation";          ///< when lesions are counted, as surface_distances
  double lesion_overlap = 0;                     ///< share of a true lesion's voxels that finds it; 0: any voxel
  int64_t smallest_lesion = 1;                   ///< in voxels; lesions below do not count
  double smallest_lesion_mm3 = 0;                ///< the same; needs a source with a spacing
  CaseLabelOptions label;                        ///< what a second head learns
};
OptionTable options_of(SegmentationOptions& options);

std::unique_ptr<Task> make_segmentation(const SegmentationOptions& options, int64_t classes);
void register_segmentation(Registry& tasks);

}  // namespace larmor::eval
