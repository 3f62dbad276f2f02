// Adan: Adam with Nesterov momentum through the change of the gradient.
//
//   d_t = g_t - g_(t-1)                                   0 in the first step
//   m <- beta1 m + (1 - beta1) g
//   c <- beta2 c + (1 - beta2) d
//   v <- beta3 v + (1 - beta3) (g + beta2 d)^2
//   w <- w - lr (m / (1 - beta1^t) + beta2 c / (1 - beta2^t)) / (sqrt(v / (1 - beta3^t)) + eps)
//   decay: proximal   w <- w / (1 + lr weight_decay) afterwards
//          weights    w <- w (1 - lr weight_decay) before
//
// State: exp_avg, exp_avg_diff, exp_avg_sq, previous_gradient. Source: Xie et al. 2022.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "optim/moments.h"
#include "optim/registry.h"

namespace larmor::optim {

struct AdanOptions : MomentOptions {
  AdanOptions() { betas = {0.98, 0.92, 0.99}; }
  std::string decay = "proximal";  ///< proximal | weights
};

OptionTable options_of(AdanOptions& options);
std::unique_ptr<Optimizer> make_adan(const AdanOptions& options, const std::vector<ParameterGroup>& groups);
void register_adan(Registry& optimizers);

}  // namespace larmor::optim
