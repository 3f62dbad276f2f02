// What is in a folder of volumes before anything is prepared (datasets/siberian_raw.h): subjects, sequences, grids, label values, and what
// looks wrong. Scans are read, nothing is changed.
#pragma once
#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "datasets/source.h"

namespace larmor::datasets {

/// A sequence or the label.
struct VolumeSummary {
  std::string name;                    ///< "T1CE", "label"
  std::string origin;                  ///< "2 't1_vibe_tra_iso_hires'" of a series, else the file below the root
  std::array<int64_t, 3> size{};       ///< as stored; 0 where it cannot be read, which is a finding
  std::array<double, 3> spacing_mm{};  ///< 0 where the file stores none
  std::map<int64_t, int64_t> voxels;   ///< of a label: value → voxels, without the background
};

struct SubjectVolumes {
  std::string subject;  ///< with its session
  std::vector<VolumeSummary> volumes;
  std::vector<std::string> unused_series;
};

struct VolumeInspection {
  bool is_phantom = false;
  std::map<std::string, int64_t> labels;  ///< the set's label map
  std::vector<SubjectVolumes> subjects;   ///< sorted by name
  std::vector<Finding> findings;          ///< faults that prepare would refuse, persons that may be known, files that are not used
};

/// True for nnU-Net's layout, and for folders with NIfTI or NRRD files named by sequence, or DICOM images, anywhere below and no TIFF file.
bool holds_volumes(const std::filesystem::path& folder);

/// On `threads` threads (0: one per processor). Error (data): no subject there, a damaged dataset.json or table.
VolumeInspection inspect_volumes(const std::filesystem::path& folder, int64_t threads = 0);

nlohmann::json to_json(const VolumeInspection& inspection);
/// Tables for a terminal, ending with a newline; at most `findings` findings are printed (0: all), the rest is counted.
std::string to_text(const VolumeInspection& inspection, int64_t findings = 20);

}  // namespace larmor::datasets
