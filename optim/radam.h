// RAdam: Adam that divides by the second moment only once its variance is tractable (rho_t >= 5, from step 6 on at beta2 = .999),
// and then with the rectification r.
//
//   m, v as in adam.h
//   rho_t >= 5   w <- w - lr r m / (sqrt(v) + eps)     r holds both bias corrections; eps is added to the uncorrected root
//   else         w <- w - lr m / (1 - beta1^t)         warmup: sgd (all implementations of 2019-2020)
//                nothing, no decay either              warmup: skip (the authors' repository since 2021-07-31)
//
// weight_decay: decoupled decays the weights by lr weight_decay first, coupled adds to the gradient (PyTorch's default).
// The step size is worked out for each group and step; published versions that cache it mix up groups with different rates.
// State: exp_avg, exp_avg_sq. Source: Liu et al. 2020.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "optim/moments.h"
#include "optim/registry.h"

namespace larmor::optim {

struct RadamOptions : MomentOptions {
  std::string warmup = "sgd";       ///< sgd | skip
  std::string decay = "decoupled";  ///< decoupled | coupled
};

OptionTable options_of(RadamOptions& options);
std::unique_ptr<Optimizer> make_radam(const RadamOptions& options, const std::vector<ParameterGroup>& groups);
void register_radam(Registry& optimizers);

}  // namespace larmor::optim
