// AdaBelief: Adam whose second moment is that of the gradient's distance from its mean.
//
//   w <- w (1 - lr weight_decay)
//   m <- beta1 m + (1 - beta1) g
//   s <- beta2 s + (1 - beta2) (g - m)^2 + eps
//   rectify   rho_t >= 5: w <- w - lr r m / (sqrt(s) + eps), else w <- w - lr m / (1 - beta1^t)      r, rho_t as in radam.h
//   else      w <- w - lr (m / (1 - beta1^t)) / (sqrt(s / (1 - beta2^t)) + eps)
//
// State: exp_avg, exp_avg_var. Source: Zhuang et al. 2020, in the form of timm.
#pragma once
#include <memory>
#include <vector>

#include "optim/moments.h"
#include "optim/registry.h"

namespace larmor::optim {

struct AdabeliefOptions : MomentOptions {
  AdabeliefOptions() { eps = 1e-16; }
  bool rectify = true;
};

OptionTable options_of(AdabeliefOptions& options);
std::unique_ptr<Optimizer> make_adabelief(const AdabeliefOptions& options, const std::vector<ParameterGroup>& groups);
void register_adabelief(Registry& optimizers);

}  // namespace larmor::optim
