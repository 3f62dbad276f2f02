// Binary cross-entropy on logits: mean over pixels and channels of -t log σ(x) - (1 - t) log(1 - σ(x)).
//
// Class indices become one-hot: one binary problem per class. No rule for empty targets is needed; when every pixel is ignored the
// loss is 0.
#pragma once
#include <optional>

#include "losses/loss.h"
#include "losses/registry.h"

namespace larmor::losses {

struct BceOptions {
  std::vector<double> pos_weight;          ///< weight of true pixels, one per class; empty: all 1
  double smooth_factor = 0;                ///< label smoothing: t becomes (1 - t) s + t (1 - s)
  std::string reduction = "mean";          ///< mean | sum
  std::string ignore_average = "counted";  ///< the mean divides by the counted pixels | smp: by all, as SMP does
  std::optional<int64_t> ignore_index;     ///< pixels with this target are left out
};
OptionTable options_of(BceOptions& options);

std::unique_ptr<Loss> make_bce(const BceOptions& options);
void register_bce(Registry& losses);

}  // namespace larmor::losses
