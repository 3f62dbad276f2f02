// Matthews correlation loss: 1 - (TP TN - FP FN) / sqrt((TP + FP)(TP + FN)(TN + FP)(TN + FN)), soft counts over everything.
//
// Several classes are pooled. Empty-target rule: eps is added to each count, so one-sided truth gives a loss near 1.
// Abhishek & Hamarneh 2021; segmentation_models.pytorch 0.6 (which takes probabilities instead of logits).
#pragma once
#include <optional>

#include "losses/loss.h"
#include "losses/registry.h"

namespace larmor::losses {

struct MccOptions {
  double eps = 1e-5;                    ///< added to each of the four counts
  std::optional<int64_t> ignore_index;  ///< pixels with this target are left out
};
OptionTable options_of(MccOptions& options);

std::unique_ptr<Loss> make_mcc(const MccOptions& options);
void register_mcc(Registry& losses);

}  // namespace larmor::losses
