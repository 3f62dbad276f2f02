// LAMB: Adam whose step is scaled per tensor by the norm of the weights over the norm of the step.
//
//   g     <- g / max(1, ||all gradients|| / max_grad_norm)
//   u     = (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + eps) + weight_decay w            m, v as in adam.h
//   ratio = ||w|| / ||u||, at most 1 with trust_clip; 1 where either norm is 0
//   w     <- w - lr ratio u
//
// The ratio is applied where weight_decay is not 0, or everywhere with always_adapt. State: exp_avg, exp_avg_sq.
// Source: You et al. 2020, in NVIDIA's form as timm has it. For the form without bias correction see lamb_cyber.
#pragma once
#include <memory>
#include <optional>
#include <vector>

#include "optim/moments.h"
#include "optim/registry.h"

namespace larmor::optim {

struct LambOptions : MomentOptions {
  LambOptions() {
    eps = 1e-6;
    weight_decay = 0.01;
  }
  std::optional<double> max_grad_norm = 1;  ///< null: no limit
  bool trust_clip = false;
  bool always_adapt = false;
};

OptionTable options_of(LambOptions& options);
std::unique_ptr<Optimizer> make_lamb(const LambOptions& options, const std::vector<ParameterGroup>& groups);
void register_lamb(Registry& optimizers);

}  // namespace larmor::optim
