// From scans as they come to volumes that a network can be trained on: registered, on one grid, normalised, cached.
//
// Of each subject: axes turned to LPS, bias fields removed on request, every sequence registered rigidly to T1CE, all resampled linearly
// (labels by nearest voxel) onto the grid of T1CE around the head, and each scaled by its percentiles in the head. A registration that
// fails excludes its subject, which is told and counted; faults of files end the work. The result does not depend on the number of threads.
//
// What is there already is kept where parameters and checksums of the inputs are the same, so that the same command goes on where it was
// cut.
#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "datasets/siberian_raw.h"

namespace larmor::datasets {

struct PrepareSiberianOptions {
  RawOptions raw;
  int64_t size = 256;                  ///< side of the axial slices in voxels
  double spacing_mm = 0;               ///< of the grid, isotropic; 0: T1CE's own
  bool crop = true;                    ///< centre on the head and keep its slices; else centre on T1CE's volume and keep all
  bool bias_field = false;             ///< N4 on every sequence
  std::string registration = "rigid";  ///< rigid | none: the scanner's coordinates are right as they are
  std::string label_on = "T1CE";       ///< the sequence that the label was drawn on
  int64_t registration_points = 60000;
  double low_percentile = 0.5;  ///< of the head's voxels; becomes 0
  double high_percentile = 99.5;
  int64_t threads = 0;    ///< subjects at once; 0: one per processor
  double memory_gib = 0;  ///< for all at once; 0: half of the machine's
};

struct PreparedSubject {
  std::string name;
  bool was_kept = false;  ///< it was there already
  std::string failure;    ///< why it is excluded; "" where it is not
  int64_t slices = 0;
  int64_t slices_positive = 0;
};

struct PrepareReport {
  std::vector<PreparedSubject> subjects;  ///< sorted by name
  std::vector<Finding> findings;
  bool is_phantom = false;
};

/// Told after each subject, from one thread at a time.
using PrepareProgress = std::function<void(int64_t done, int64_t total, const PreparedSubject& subject)>;

/// Writes OUT/volumes/*.h5, OUT/index.json, OUT/registration.csv and OUT/quality.png. Error (usage): options out of bounds, OUT inside of
/// the data; Error (data): siberian_raw.h, unknown label values, a head larger than the grid, every subject excluded; Error (run): disk
/// full, OUT in use by another process, interrupted (what is done is kept).
PrepareReport prepare_siberian(const PrepareSiberianOptions& options, const std::filesystem::path& out, const PrepareProgress& progress);

}  // namespace larmor::datasets
