// NIfTI-1 in memory, plain or gzipped. Read by code of ours, because ITK and niftilib take cut-off files for whole ones and fill the
// rest with zeros; the tests hold it against ITK.
//
// Voxels: u8, i16, u16, i32, f32 as they are, i8 to i16, u32, 64-bit integers and doubles to f32, RGB24 as 3 channels of u8.
// scl_slope and scl_inter are applied, giving f32, unless they change nothing. The one axis after z that is longer than 1 (time,
// sequence, vector) becomes the channels.
// Geometry: the sform where its code is set and it is invertible, else the qform, else the voxel sizes alone with LPS axes (as ITK).
// Units are turned to millimetres. A file that holds neither form, no unit and voxel size 1 stores no spacing.
// Source: nifti1.h, R. W. Cox 2007 (NIfTI data format working group).
#pragma once
#include <filesystem>

#include "imaging/stored.h"

namespace larmor::imaging {

/// Both: Error (data) for what is not NIfTI-1, cut off, damaged or of an unsupported kind, in one line that names it.
/// `is_gzipped` is what the name promises (.nii.gz).
ImageHeader read_nifti_header(const FileBytes& file, bool is_gzipped);
Image read_nifti(const FileBytes& file, bool is_gzipped);

/// Writes atomically: qform and sform (sform alone for a sheared direction), channels as the fourth axis.
/// Error (usage) for a side over 32767, Error (run) when the disk refuses.
void write_nifti(const std::filesystem::path& file, const Image& image, bool is_gzipped);

}  // namespace larmor::imaging
