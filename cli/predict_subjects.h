// `larmor predict` for networks of several sequences (data.source: siberian): subjects as they come from the scanner.
//
//   --input DIR    one subject's folder (DICOM series anywhere below it, or NIfTI and NRRD files named by sequence), a folder of such
//                  folders, or nnU-Net's raw layout (datasets/siberian_raw.h); labels are not needed
//
//   OUTPUT/<subject>/<subject>.seg.nrrd       the mask on T1CE's own grid (nearest voxel), with names and colours (tumour_segments.h)
//   OUTPUT/<subject>/<subject>_prob.nii.gz    probabilities, f32, on the same grid (linear); also _uncertainty, _mutual_information
//   OUTPUT/<subject>/<subject>_overlay.png    slices of T1CE with the segments' outlines
//   OUTPUT/<subject>/study.json               series used and left, transforms, parameters, volumes
//
// A subject is prepared by the function that `larmor prepare siberian` uses, with the parameters that the weights' record holds, and only
// in the sequences that the network needs. Of DICOM nothing but number, description and date of series is written.
#pragma once
#include <filesystem>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "cli/predict.h"
#include "cli/predict_cases.h"
#include "datasets/composition.h"
#include "datasets/prepare_subject.h"
#include "datasets/siberian_raw.h"
#include "imaging/seg_nrrd.h"
#include "models/segmenter.h"
#include "train/recipe.h"

namespace larmor::cli {

/// What is done to each subject.
struct SubjectPlan {
  datasets::RawSet set;
  datasets::Composition composition;
  std::vector<std::string> sequences;  ///< that are prepared; T1CE among them
  datasets::PreparationOptions preparation;
  bool is_recorded = false;  ///< the preparation is that of the training volumes; else defaults with size data.size
  std::vector<imaging::Segment> segments;
};

/// `preparation`: of train::DataRecord. Error (usage): no folder, a recipe that does not fit the network; Error (data):
/// datasets/siberian_raw.h, a damaged record.
SubjectPlan plan_subjects(const PredictOptions& options, const train::Recipe& recipe, const std::string& preparation,
                          const models::SegmenterInfo& info);

/// Slices of its T1CE, more or less: what is known before anything is read.
int64_t slices_of(const datasets::RawSubject& subject);

/// The names below the output folder of all that predict_subject may leave.
std::vector<std::filesystem::path> result_files(const datasets::RawSubject& subject);

/// Slices through the networks: fills the results, and of the case all but seconds and files.
using PredictStack = std::function<PredictedCase(const std::string& name, const SliceStack& stack, CaseResults& results)>;

/// Prepares, predicts and writes one subject; where it cannot be used, which is no fault of its files, `failure` says why and nothing is
/// written. `how`: recipe, weights, augmentation for study.json.
PredictedCase predict_subject(const SubjectPlan& plan, const datasets::RawSubject& subject, const std::filesystem::path& output,
                              const nlohmann::json& how, const PredictStack& predict);

}  // namespace larmor::cli
