// Brain tumours in several MR sequences, from the cache that `larmor prepare siberian` writes (datasets/siberian_cache.h).
//
// A slice is a case, a subject's sessions are its study; metadata hold the table's columns, tumour_type among them. Slices are f32 in
// [0, 1], normalised by volume and sequence, on one grid with its voxel size. Sequences are composed as datasets/composition.h says.
// Opening maps every volume and verifies its checksum, so nothing bad is met in the middle of a run.
// Source: the Siberian multimodal brain tumor image segmentation dataset (RFBR 19-29-01103); any set in a layout of siberian_raw.h.
#pragma once
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/options.h"
#include "datasets/composition.h"
#include "datasets/registry.h"
#include "datasets/source.h"

namespace larmor::datasets {

struct SiberianOptions {
  std::string root;                  ///< the folder that `larmor prepare siberian` wrote
  std::vector<std::string> exclude;  ///< subjects to leave out; names in full or as far as unique
  CompositionOptions composition;
  /// Class of each label: {edema: 1, enhancing: 2}; those not named are background. Empty: the whole region, every label is 1.
  std::map<std::string, double> labels;
  std::string on_bad_file = "error";  ///< error | skip: leave the volume out and tell it as a finding
};
OptionTable options_of(SiberianOptions& options);

/// Error (data): no cache there, a volume that is missing, damaged, or of another preparation than the index; Error (usage): a label or
/// a sequence that the cache does not have.
std::unique_ptr<Source> make_siberian(const SiberianOptions& options);
void register_siberian(Registry& registry);

}  // namespace larmor::datasets
