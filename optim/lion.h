// Lion: steps of one size for every weight, in the direction of the sign of a mean of mean and gradient.
//
//   w <- w (1 - lr weight_decay)
//   w <- w - lr sign(beta1 m + (1 - beta1) g)
//   m <- beta2 m + (1 - beta2) g
//
// The rate wants to be 3 to 10 times smaller than Adam's, weight_decay as much larger. State: exp_avg. Source: Chen et al. 2023.
#pragma once
#include <memory>
#include <vector>

#include "core/options.h"
#include "optim/registry.h"

namespace larmor::optim {

struct LionOptions {
  double lr = 1e-4;
  std::vector<double> betas = {0.9, 0.99};
  double weight_decay = 0;
};

OptionTable options_of(LionOptions& options);
std::unique_ptr<Optimizer> make_lion(const LionOptions& options, const std::vector<ParameterGroup>& groups);
void register_lion(Registry& optimizers);

}  // namespace larmor::optim
