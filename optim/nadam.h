// NAdam: Adam with Nesterov momentum whose coefficient mu grows towards beta1.
//
//   mu_t = beta1 (1 - 0.96^(t momentum_decay) / 2),  p_t = mu_1 … mu_t
//   m, v as in adam.h
//   w <- w - lr [ (1 - mu_t) / (1 - p_t) g + mu_(t+1) / (1 - p_t mu_(t+1)) m ] / (sqrt(v / (1 - beta2^t)) + eps)
//
// State: exp_avg, exp_avg_sq and the number mu_product. Source: Dozat 2016; PyTorch's form.
#pragma once
#include <memory>
#include <vector>

#include "optim/moments.h"
#include "optim/registry.h"

namespace larmor::optim {

struct NadamOptions : MomentOptions {
  NadamOptions() { lr = 2e-3; }
  double momentum_decay = 4e-3;
  bool decoupled_weight_decay = false;  ///< act on the weights as in adamw
};

OptionTable options_of(NadamOptions& options);
std::unique_ptr<Optimizer> make_nadam(const NadamOptions& options, const std::vector<ParameterGroup>& groups);
void register_nadam(Registry& optimizers);

}  // namespace larmor::optim
