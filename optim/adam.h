// Adam: steps of the mean gradient over the root of its mean square, both corrected for starting at zero.
//
//   g <- g + weight_decay w
//   m <- beta1 m + (1 - beta1) g
//   v <- beta2 v + (1 - beta2) g^2             amsgrad: then x <- max(x, v), and x stands for v below
//   w <- w - lr (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + eps)
//
// State: exp_avg, exp_avg_sq, with amsgrad max_exp_avg_sq. Source: Kingma & Ba 2015; Reddi et al. 2018 (amsgrad); PyTorch's form.
#pragma once
#include <memory>
#include <vector>

#include "optim/moments.h"
#include "optim/registry.h"

namespace larmor::optim {

struct AdamOptions : MomentOptions {
  bool amsgrad = false;
};

OptionTable options_of(AdamOptions& options);
std::unique_ptr<Optimizer> make_adam(const AdamOptions& options, const std::vector<ParameterGroup>& groups);
/// The rule behind adam and adamw, which differ in where the decay goes.
std::unique_ptr<const Rule> make_adam_rule(const AdamOptions& options, bool decoupled_decay);
void register_adam(Registry& optimizers);

}  // namespace larmor::optim
