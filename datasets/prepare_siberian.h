// From scans as they come to volumes that a network can be trained on: registered, on one grid, normalised, cached.
//
// What is done to each subject: datasets/prepare_subject.h. A registration that fails excludes its subject, which is told and counted;
// faults of files end the work. The result does not depend on the number of threads.
//
// What is there already is kept where parameters and checksums of the inputs are the same, so that the same command goes on where it was
// cut.
#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "datasets/prepare_subject.h"
#include "datasets/siberian_raw.h"

namespace larmor::datasets {

struct PrepareSiberianOptions : PreparationOptions {
  RawOptions raw;
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
/// the data; Error (data): siberian_raw.h, unknown label values, one volume under
/// two subjects, a head larger than the grid, every subject excluded; Error (run): disk
/// full, OUT in use by another process, interrupted (what is done is kept).
PrepareReport prepare_siberian(const PrepareSiberianOptions& options, const std::filesystem::path& out, const PrepareProgress& progress);

}  // namespace larmor::datasets
