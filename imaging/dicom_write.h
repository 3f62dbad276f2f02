// Writing DICOM: uncompressed MR images (explicit little endian), for phantoms and for tests of the reader. No identity is written but the
// series' patient_id.
#pragma once
#include <filesystem>
#include <string>

#include "imaging/dicom.h"

namespace larmor::imaging {

/// One slice of i16 or u16 with one channel as a whole file; `series` gives every element but the geometry and `image_number` (from 1).
/// `series.files` and `series.identity_tags` are not looked at. uid and study_uid: digits and dots, at most 54 characters.
std::string encode_dicom_slice(const Image& slice, const DicomSeries& series, int64_t image_number);

/// Writes a volume slice by slice as <folder>/0001.dcm …, atomically each. Error (usage) for another pixel type or several channels,
/// Error (run) when the disk refuses.
void write_dicom_series(const std::filesystem::path& folder, const Image& volume, const DicomSeries& series);

}  // namespace larmor::imaging
