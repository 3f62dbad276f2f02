// Soft Dice loss: 1 - 2 Σpt / (Σp + Σt), per class over the batch, mean over classes.
//
// Empty-target rule (default): a class without true pixels has loss 0, stays in the mean and gets no gradient.
// The libraries in these options:
//   segmentation_models.pytorch 0.2 and later  the defaults (since 0.4 its smooth counts twice)
//   segmentation_models.pytorch 0.0.3          pooling all, smooth 1e-7, empty_target formula
//   MONAI                                      pooling sample (batch=True: batch), smooth 1e-5, empty_target formula
// Milletari, Navab, Ahmadi 2016 (V-Net).
#pragma once
#include "losses/loss.h"
#include "losses/overlap.h"
#include "losses/registry.h"

namespace larmor::losses {

struct DiceOptions {
  OverlapOptions overlap;
  bool squared = false;  ///< Σp² + Σt² in the denominator, as V-Net
};
OptionTable options_of(DiceOptions& options);

std::unique_ptr<Loss> make_dice(const DiceOptions& options);
void register_dice(Registry& losses);

}  // namespace larmor::losses
