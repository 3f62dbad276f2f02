// Small folders in the Siberian layout, and what is prepared from them, for tests.
#pragma once
#include <filesystem>
#include <string>

#include "datasets/phantom_siberian.h"
#include "datasets/prepare_siberian.h"
#include "imaging/io.h"
#include "tests/support/golden.h"

namespace larmor::datasets::testing {

namespace fs = std::filesystem;

/// Three subjects of 43 x 43 x 28 voxels: meningioma, neurinoma, glioblastoma. A fresh copy each time; made once.
inline fs::path siberian_folder() {
  static const fs::path made = [] {
    fs::path folder = larmor::testing::make_temporary_folder("siberian");
    write_siberian_phantom(folder, {.subjects = 3, .voxel_mm = 6, .shift_mm = 6, .angle_deg = 4, .threads = 1});
    return folder;
  }();
  fs::path copy = larmor::testing::make_temporary_folder("siberian");
  fs::copy(made, copy, fs::copy_options::recursive);
  return copy;
}

inline const std::string kFirst = "SBT_PH_0001", kSecond = "SBT_PH_0002", kThird = "SBT_PH_0003";

/// Fast options: few points of registration, a small grid.
inline PrepareSiberianOptions small_options(const fs::path& root) {
  PrepareSiberianOptions options;
  options.raw.root = root.string();
  options.size = 40;
  options.registration_points = 4000;
  options.threads = 1;
  return options;
}

}  // namespace larmor::datasets::testing
