// Generalised Dice loss: 1 - 2 Σ_c w_c I_c / Σ_c w_c (P_c + T_c), one ratio per sample (or batch) over all classes.
//
// w_c = 1/T_c² (square), 1/T_c (simple) or 1 (uniform). Empty-target rule: a class without true pixels takes the largest weight of
// the others; with no true pixel at all every weight is 0 and the loss is 1 - smooth / smooth_denominator (0 by default).
// Sudre et al. 2017; MONAI 1.6 GeneralizedDiceLoss.
#pragma once
#include <optional>

#include "losses/loss.h"
#include "losses/registry.h"

namespace larmor::losses {

struct GeneralisedDiceOptions {
  std::string weights = "square";       ///< square | simple | uniform
  std::string pooling = "sample";       ///< sample | batch: what one ratio is made of
  double smooth = 1e-5;                 ///< added to the numerator
  double smooth_denominator = 1e-5;     ///< added to the denominator
  std::vector<int64_t> classes;         ///< the classes that count; empty: all
  std::optional<int64_t> ignore_index;  ///< pixels with this target are left out
};
OptionTable options_of(GeneralisedDiceOptions& options);

std::unique_ptr<Loss> make_generalised_dice(const GeneralisedDiceOptions& options);
void register_generalised_dice(Registry& losses);

}  // namespace larmor::losses
