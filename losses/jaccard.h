// Soft Jaccard (IoU) loss: 1 - Σpt / (Σp + Σt - Σpt), per class over the batch, mean over classes.
//
// Empty-target rule (default): a class without true pixels has loss 0, stays in the mean and gets no gradient.
// MONAI's DiceLoss(jaccard=True) is this with half of its smooth_nr and smooth_dr. Rahman & Wang 2016.
#pragma once
#include "losses/loss.h"
#include "losses/overlap.h"
#include "losses/registry.h"

namespace larmor::losses {

struct JaccardOptions {
  OverlapOptions overlap;
  bool squared = false;  ///< Σp² + Σt² - Σpt in the denominator
};
OptionTable options_of(JaccardOptions& options);

std::unique_ptr<Loss> make_jaccard(const JaccardOptions& options);
void register_jaccard(Registry& losses);

}  // namespace larmor::losses
