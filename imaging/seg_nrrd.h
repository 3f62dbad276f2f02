// Segmentations as 3D Slicer keeps them (.seg.nrrd): a label volume whose header names its segments.
//
// Source: 3D Slicer, vtkMRMLSegmentationStorageNode (keys Segment<i>_…, Segmentation_…). Labels overlap only in files of several layers,
// which are the channels here.
#pragma once
#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "imaging/image.h"

namespace larmor::imaging {

struct Segment {
  std::string name;
  std::array<double, 3> colour{0.5, 0.5, 0.5};  ///< red, green, blue, 0 … 1
  int64_t label_value = 1;
  int64_t layer = 0;
  std::array<int64_t, 6> extent{0, -1, 0, -1, 0, -1};  ///< first and last x, y, z; last < first: empty. Written from the voxels.
  bool operator==(const Segment&) const = default;
};

struct Segmentation {
  Image labels;  ///< integer voxels, 0 outside; one channel per layer
  std::vector<Segment> segments;
};

/// Error (usage): labels that are no integers, a value without a segment, two segments of one value in a layer, a layer that is not
/// there. Error (run) when the disk refuses. Atomic.
void write_seg_nrrd(const std::filesystem::path& file, const Segmentation& segmentation);
/// Error (data): a damaged file, or segments whose keys are damaged; a file that names no segment is one too.
Segmentation read_seg_nrrd(const std::filesystem::path& file);

}  // namespace larmor::imaging
