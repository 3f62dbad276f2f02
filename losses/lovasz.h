// Lovász losses: the convex extension of the Jaccard loss, on sorted errors.
//
// Values in [0, 1] (binary, multi-label): Lovász hinge on logits, all channels of a batch (or image) sorted together. Class indices:
// Lovász-Softmax on probabilities, mean over the classes that occur. Ignored pixels carry no error; with nothing left the loss is 0.
// Empty-target rule: the hinge is the largest error; Lovász-Softmax does not count a class that does not occur.
// Berman, Triki, Blaschko 2018; segmentation_models.pytorch 0.6.
#pragma once
#include <optional>

#include "losses/loss.h"
#include "losses/registry.h"

namespace larmor::losses {

struct LovaszOptions {
  bool per_image = false;               ///< a loss per image, then their mean; else one over the batch
  std::optional<int64_t> ignore_index;  ///< pixels with this target are left out
};
OptionTable options_of(LovaszOptions& options);

std::unique_ptr<Loss> make_lovasz(const LovaszOptions& options);
void register_lovasz(Registry& losses);

}  // namespace larmor::losses
