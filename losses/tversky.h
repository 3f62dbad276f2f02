// Tversky loss: 1 - Σpt / (Σpt + alpha FP + beta FN) with FP = Σp - Σpt, FN = Σt - Σpt; mean over classes, to the power gamma.
//
// alpha = beta = 0.5 is Dice, alpha = beta = 1 Jaccard; beta > alpha punishes missed pixels more. gamma ≠ 1: focal Tversky.
// Empty-target rule (default): a class without true pixels has loss 0, stays in the mean and gets no gradient; with gamma < 1 the
// power is continued linearly below 1e-7, so the gradient stays finite at 0. Salehi et al. 2017; Abraham & Khan 2019.
#pragma once
#include "losses/loss.h"
#include "losses/overlap.h"
#include "losses/registry.h"

namespace larmor::losses {

struct TverskyOptions {
  OverlapOptions overlap;
  double alpha = 0.5;  ///< weight of false positives
  double beta = 0.5;   ///< weight of false negatives
  double gamma = 1;    ///< power of the mean loss
};
OptionTable options_of(TverskyOptions& options);

std::unique_ptr<Loss> make_tversky(const TverskyOptions& options);
void register_tversky(Registry& losses);

}  // namespace larmor::losses
