// Focal loss: cross-entropy times (1 - p_true)^gamma, so that easy pixels weigh little. Mean over pixels and classes.
//
// activation sigmoid: every class against the rest, class indices one-hot (SMP in all modes, MONAI's default);
// softmax: -(1 - p_c)^gamma t_c log p_c over classes (MONAI use_softmax), still divided by pixels x classes.
// When every pixel is ignored the loss is 0. Lin et al. 2017.
#pragma once
#include <optional>

#include "losses/loss.h"
#include "losses/registry.h"

namespace larmor::losses {

struct FocalOptions {
  double gamma = 2;                    ///< 0: plain cross-entropy
  std::optional<double> alpha;         ///< weight of true pixels, 1 - alpha of the others; null: both 1
  std::string activation = "sigmoid";  ///< sigmoid | softmax
  bool normalized = false;             ///< divides a class's sum by the sum of its focal terms (Zhu et al. 2019)
  std::optional<double>
      reduced_threshold;                ///< focal term ((1 - p) / threshold)^gamma, 1 where p < threshold (Sergievskiy & Ponamarev 2019)
  std::vector<double> class_weights;    ///< weights of the mean over classes, one per class; empty: all the same
  std::string reduction = "mean";       ///< mean | sum
  std::optional<int64_t> ignore_index;  ///< pixels with this target are left out
};
OptionTable options_of(FocalOptions& options);

std::unique_ptr<Loss> make_focal(const FocalOptions& options);
void register_focal(Registry& losses);

}  // namespace larmor::losses
