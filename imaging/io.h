// Reading and writing images through ITK: TIFF, PNG, NIfTI (2-D, 3-D; 4-D as channels).
#pragma once
#include <array>
#include <filesystem>
#include <string>

#include "imaging/image.h"

namespace larmor::imaging {

/// What the header says, without reading voxels.
struct ImageHeader {
  std::array<int64_t, 3> size{0, 0, 1};
  int64_t channels = 1;
  PixelType type = PixelType::u8;
  Geometry geometry;
};

/// Error (data) for a missing, unknown, cut-off or damaged file, in one line with the file name, e.g.
/// "a_7_mask.tif: 200 bytes, but its header promises 65674: the file is cut off". Palette PNG becomes RGB; alpha is dropped;
/// 64-bit and double voxels become f32. Never crashes on hostile input: sizes over 2^31 elements are refused.
ImageHeader read_header(const std::filesystem::path& file);
Image read_image(const std::filesystem::path& file);

/// Writes by extension (.png, .tif, .tiff, .nii, .nii.gz) atomically: beside the target, then renamed.
/// Error (usage) for another extension, Error (run) when the disk refuses.
void write_image(const std::filesystem::path& file, const Image& image);

/// Extensions that read_image knows, as told in messages: ".tif, .tiff, .png, .nii, .nii.gz".
std::string known_extensions();
bool has_known_extension(const std::filesystem::path& file);

}  // namespace larmor::imaging
