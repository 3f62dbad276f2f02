// What `predict` is given and what it leaves: images and volumes on disk as stacks of slices, and results in their geometry.
//
//   a TIFF or PNG file        one slice
//   a folder, with subfolders slices by name and number: a_1.tif, a_2.tif, … a_11.tif are one case `a`; *_mask files are left out;
//                             each NIfTI file in it is a case
//   a NIfTI file              a volume, sliced axially whatever its axis order; 4-D: channels
//   a.nii.gz,b.nii.gz,…       one volume whose channels are the sequences in that order; same grid
//
// 8-bit values are taken as they are. All others are scaled per case and channel: the 0.5 to 99.5 percentile of the non-zero values
// becomes [0, 1], the rest is clipped, zero stays the background.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "eval/uncertainty.h"
#include "imaging/image.h"
#include "imaging/orient.h"

namespace larmor::cli {

/// Files that belong together.
struct PredictCase {
  std::string name;                          ///< "TCGA_CS_4944_20010208", "brain"
  std::filesystem::path folder;              ///< where below the output folder its files go; "" directly
  std::vector<std::filesystem::path> files;  ///< slices in order, or the sequences of a volume
  std::vector<int64_t> numbers;              ///< of the slices
  bool is_volume = false;
};

/// Lists cases without reading voxels. Error (usage): no such input, sequences that are no NIfTI files; Error (data): nothing to read,
/// two files whose results would have the same name.
std::vector<PredictCase> find_cases(const std::string& input);

/// A case in memory: 2-D slices with u8 or f32 values, channels interleaved.
struct SliceStack {
  std::vector<imaging::Image> slices;
  std::vector<int64_t> numbers;  ///< ascending
  imaging::Geometry geometry;    ///< of the volume, as stored
  imaging::AxisOrder order;      ///< from the stored axes to axial slices
};

/// Keeps these channels of every slice, in this order.
void select_channels(SliceStack& stack, const std::vector<int64_t>& channels);

/// Reads headers only: channels in all and the number of slices. Error (data) when files of a case do not fit each other.
struct CaseSize {
  int64_t channels = 0;
  int64_t slices = 0;
};
CaseSize size_of(const PredictCase& one);
/// Error (data): unreadable file, voxels that are not finite.
SliceStack load_case(const PredictCase& one);

/// What is written of a case.
struct CaseResults {
  std::vector<imaging::Image> masks;           ///< u8 label maps, one per slice
  std::vector<at::Tensor> probabilities;       ///< classes x H x W float, one per slice
  std::vector<eval::Uncertainty> uncertainty;  ///< one per slice, or none where nobody asked
};

/// C x H x W probabilities as an image with interleaved channels.
imaging::Image image_of(const at::Tensor& probabilities);
/// Axial slices back to a volume as it was stored.
imaging::Image volume_of(const std::vector<imaging::Image>& slices, const SliceStack& stack);
/// Evenly spread ones out of those with prediction, of all where there is none; as many as an overlay shows.
std::vector<size_t> slices_to_show(const std::vector<imaging::Image>& masks);

/// The names below the output folder of all that write_case may leave.
std::vector<std::filesystem::path> result_files(const PredictCase& one);

/// Writes masks (slices: 0/255 for one class, in the input's format; volumes: u8 labels, NIfTI), probabilities (f32; TIFF or NIfTI) and
/// overlays (PNG) below `output`; where there is uncertainty also predictive entropy (_uncertainty) and mutual information
/// (_mutual_information) as probabilities are. All files of a case appear together, or none does. Returns them. Maps of an earlier
/// prediction that this one does not have are removed.
std::vector<std::filesystem::path> write_case(const std::filesystem::path& output, const PredictCase& one, const SliceStack& stack,
                                              const CaseResults& results);

}  // namespace larmor::cli
