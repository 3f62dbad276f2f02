// NovoGrad: momentum of gradients that are divided by a running norm of each whole tensor.
//
//   v <- beta2 v + (1 - beta2) ||g||^2         one number per tensor; starts as ||g||^2
//   d = g / (sqrt(v) + eps) + weight_decay w   grad_averaging: times (1 - beta1)
//   m <- beta1 m + d
//   w <- w - lr m
//
// State: exp_avg and the number exp_avg_sq. Source: Ginsburg et al. 2019; betas of its reference implementation.
#pragma once
#include <memory>
#include <vector>

#include "optim/moments.h"
#include "optim/registry.h"

namespace larmor::optim {

struct NovogradOptions : MomentOptions {
  NovogradOptions() { betas = {0.95, 0.98}; }
  bool grad_averaging = false;
};

OptionTable options_of(NovogradOptions& options);
std::unique_ptr<Optimizer> make_novograd(const NovogradOptions& options, const std::vector<ParameterGroup>& groups);
void register_novograd(Registry& optimizers);

}  // namespace larmor::optim
