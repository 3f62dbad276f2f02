// Cross-entropy over classes: mean over pixels of -log softmax(x)[class].
//
// A float target N x C x … is read as class probabilities: -Σ_c t_c log softmax(x)_c. With weights the mean over class indices divides
// by the sum of the weights of the true classes (torch.nn.CrossEntropyLoss); over probabilities by the number of pixels.
// When every pixel is ignored the loss is 0. One logit channel is refused: its softmax is always 1.
#pragma once
#include <optional>

#include "losses/loss.h"
#include "losses/registry.h"

namespace larmor::losses {

struct CrossEntropyOptions {
  std::vector<double> weight;              ///< one per class; empty: all 1
  double label_smoothing = 0;              ///< share of the target that is spread evenly over all classes
  std::string reduction = "mean";          ///< mean | sum
  std::string ignore_average = "counted";  ///< the mean divides by the counted pixels (their weights) | smp: by the number of all pixels
  std::optional<int64_t> ignore_index;     ///< pixels with this target are left out
};
OptionTable options_of(CrossEntropyOptions& options);

std::unique_ptr<Loss> make_cross_entropy(const CrossEntropyOptions& options);
void register_cross_entropy(Registry& losses);

}  // namespace larmor::losses
