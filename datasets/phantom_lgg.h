// A synthetic data set in the layout of the LGG set (datasets/lgg.h): nothing to download, nobody's images.
//
// Every patient is a brain of its own (datasets/phantom_brain.h) with a tumour that is bright on FLAIR, dark on T1 and has a bright
// rim on T1CE. As in the original, the first and last slices are empty, about a third of all shows tumour, some patients have a second
// focus with empty slices in between, and the slices above the head are nearly blank.
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>

namespace larmor::datasets {

struct LggPhantomOptions {
  int64_t patients = 12;
  int64_t slices = 0;   ///< per patient, at least 5; 0: drawn from 20 to 88, mostly few
  int64_t size = 256;   ///< side in pixels, at least 32
  int64_t seed = 0;     ///< the same seed gives the same bytes
  int64_t threads = 0;  ///< 0: one per processor; the files do not depend on it
  /// Another new folder for a second reader's masks (datasets/second_reader.h), named and laid out like the first's; "": none.
  std::string second_reader;
};

/// Writes FOLDER/TCGA_PH_0001_20000101/TCGA_PH_0001_20000101_1.tif, …_1_mask.tif, …, FOLDER/data.csv and FOLDER/PHANTOM.txt. The folder
/// appears only when everything is written. Error (usage): numbers out of bounds, a folder that is not empty or lies in the other; Error
/// (run): disk full.
void write_lgg_phantom(const std::filesystem::path& folder, const LggPhantomOptions& options);

}  // namespace larmor::datasets
