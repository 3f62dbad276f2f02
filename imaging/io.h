// Reading and writing images: TIFF, PNG, NIfTI-1 and NRRD (2-D, 3-D; 4-D as channels). What exactly is read: tiff.h, png.h, nifti.h,
// nrrd.h. DICOM is no file but a folder: dicom.h.
// Every function may be called from several threads at once.
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
/// "a_7_mask.tif: 200 bytes, but its header promises at least 65674: the file is cut off". Palette PNG becomes RGB; alpha is dropped;
/// voxels of types that PixelType lacks are widened (i8 to i16; u32, 64-bit and double to f32). Never crashes on hostile input:
/// sizes over 2^31 elements, or larger than the file could hold, are refused before memory is taken.
ImageHeader read_header(const std::filesystem::path& file);
Image read_image(const std::filesystem::path& file);

/// Writes by extension (.png, .tif, .tiff, .nii, .nii.gz, .nrrd, .nhdr) atomically: beside the target, then renamed.
/// TIFF and PNG keep no geometry. PNG holds one slice of u8 or u16 with 1 or 3 channels.
/// Error (usage) for another extension or what the format cannot hold, Error (run) when the disk refuses.
void write_image(const std::filesystem::path& file, const Image& image);

/// Extensions that read_image knows, as told in messages: ".tif, .tiff, .png, .nii, .nii.gz, .nrrd, .nhdr".
std::string known_extensions();
bool has_known_extension(const std::filesystem::path& file);

}  // namespace larmor::imaging
