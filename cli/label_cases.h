// A reader's masks as people keep them, found by the name of their case.
//
//   <case>.nii.gz, <case>_label.nrrd, <case>.seg.nrrd   label volumes, in any folders below the root
//   <case>/label.nii.gz                                 the folder names the case
//   <case>_<n>_mask.tif                                 masks of slices (TIFF, PNG), stacked by their numbers
//
// Where names say label, mask or seg (datasets/sequence_names.h), only those files are masks, and what lies beside them is left alone:
// a data set or what `predict` wrote can be given as it is. Else every volume and slice that is not named like a sequence is one.
// Labels are whole numbers, 0 outside; a mask of 0 and 255 alone has label 1.
#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "imaging/image.h"

namespace larmor::cli {

struct LabelCase {
  std::string name;
  std::vector<std::filesystem::path> files;  ///< one volume, or slices in order
  std::vector<int64_t> numbers;              ///< of the slices
  bool is_volume = false;
};

/// By name, without reading voxels; a file is its own only case. Error (usage): no such folder or file; Error (data): no mask in it, two
/// masks of one case.
std::map<std::string, LabelCase> find_label_cases(const std::string& place);

/// Both readings of a case as label maps of one size on one grid: u8, axes turned to LPS. A .seg.nrrd may cover a part of the grid (3D
/// Slicer stores the box around its segments); outside of it is background. Error (data), with the files' names: other grids or slices,
/// values that are no labels, overlapping segments, a segment that has another value there than here.
struct TwoReadings {
  imaging::Image first, second;
};
TwoReadings load_readings(const LabelCase& first, const LabelCase& second);

}  // namespace larmor::cli
