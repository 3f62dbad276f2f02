// LGG MRI segmentation (Kaggle "lgg-mri-segmentation"): low-grade gliomas of 110 TCGA patients, 3 929 axial slices, 256 x 256.
//
//   ROOT/<patient>/<patient>_<n>.tif        RGB, 8 bits: T1 before contrast, FLAIR, T1 after contrast (a missing one repeats FLAIR)
//   ROOT/<patient>/<patient>_<n>_mask.tif   one channel, {0, 255}: abnormality on FLAIR
//   ROOT/data.csv                           one row per patient; its columns become the studies' metadata
//   ROOT/PHANTOM.txt                        only in synthetic sets: marks every table made from them
//
// A patient is a subject, a slice a case; slices are in the order of their numbers. No spacing is stored: distances are in pixels.
// Opening reads every mask once (foreground counts) and every image's header, so nothing bad is met in the middle of a run.
// Source: Buda, Saha, Mazurowski, Computers in Biology and Medicine 109, 2019.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "core/options.h"
#include "datasets/registry.h"
#include "datasets/source.h"

namespace larmor::datasets {

struct LggOptions {
  std::string root;                                          ///< the folder kaggle_3m, or the one that holds it
  std::vector<std::string> exclude;                          ///< patients to leave out; names in full or as far as unique
  std::vector<std::string> channels{"T1", "FLAIR", "T1CE"};  ///< which sequences, in which order; may repeat
  std::string input = "mix_rgb";                             ///< how they become the network's channels (datasets/composition.h)
  std::vector<double> weights;                               ///< input weighted: of each sequence; empty: equal
  std::string on_missing_mask = "error";                     ///< error | skip: leave the slice out and tell it as a finding
  std::string on_bad_file = "error";                         ///< the same for slices that cannot be used; `inspect` skips to find them all
};
OptionTable options_of(LggOptions& options);

/// Error (data): no such folder, no patient in it, and the first of all bad files with the count of others. A file is bad when it cannot
/// be read, is not 8-bit with 3 channels (mask: 1), or when image and mask differ in size.
std::unique_ptr<Source> make_lgg(const LggOptions& options);
void register_lgg(Registry& registry);

/// Where these sequences stand in a slice's file: {"FLAIR"} → {1}. Error (usage) for an unknown name.
std::vector<int64_t> lgg_channels(const std::vector<std::string>& sequences);

}  // namespace larmor::datasets
