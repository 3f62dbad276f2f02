// DICOM series as volumes (PS3.3: MR, CT and enhanced multi-frame images).
//
// A folder is sorted into series by their UID, with what tells sequences apart. A series becomes a volume when its slices are parallel,
// of one size, evenly spaced along their normal and none is missing; else it is refused in one line that says why, because a volume
// with wrong geometry is worse than none. Slices are ordered by their position along the normal, never by name or number.
//
// Pixels: uncompressed, RLE (both by code of ours), JPEG, JPEG-LS, JPEG 2000 (through GDCM, once the code stream's own size has been
// compared with the header's); 8, 16 and 32 bits, one sample, MONOCHROME2. Rescale slope and intercept are applied, giving f32,
// unless they change nothing. Several images at each position (time points, echoes) become the channels, in order of
// temporal position, acquisition number, then image number. Siemens mosaics are refused.
#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "imaging/image.h"

namespace larmor::imaging {

struct DicomSeries {
  std::string uid;        ///< SeriesInstanceUID
  std::string study_uid;  ///< StudyInstanceUID
  int64_t number = 0;     ///< SeriesNumber
  std::string description;
  std::string protocol;
  std::string modality;
  std::string manufacturer;
  std::string patient_id;        ///< to tell subjects apart; empty where the file has none
  std::string contrast_agent;    ///< ContrastBolusAgent, or "yes" where an enhanced file says so without a name; empty: none
  std::string study_date;        ///< YYYYMMDD
  std::string acquisition_time;  ///< HHMMSS.ffffff of the first image
  std::optional<double> repetition_time_ms;
  std::optional<double> echo_time_ms;
  std::optional<double> inversion_time_ms;
  std::optional<double> slice_thickness_mm;
  std::vector<std::string> identity_tags;    ///< names of elements that may identify a person and are not empty, e.g. "PatientName"
  std::vector<std::filesystem::path> files;  ///< in order of name
};

struct DicomFolder {
  std::vector<DicomSeries> series;                    ///< by acquisition time, then number, then UID
  int64_t other_files = 0;                            ///< files that are no DICOM
  std::vector<std::string> unreadable;                ///< messages of DICOM files that are damaged; of empty files named .dcm
  std::vector<std::filesystem::path> without_pixels;  ///< reports, presentation states
};

/// Sorts one file or every file below a folder. Error (data): no such path. Links to folders are not followed.
DicomFolder list_dicom(const std::filesystem::path& path);

/// Error (data), one line that begins with the folder and names the series: what makes it no volume.
Image read_dicom_series(const DicomSeries& series);

/// The one series below a path; Error (data) where there are several (it lists them) or none, or a file is damaged.
Image read_dicom(const std::filesystem::path& path);

}  // namespace larmor::imaging
