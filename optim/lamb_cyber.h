// LAMB without bias correction, as cybertronai, mgrankin/over9000 and catalyst have it.
//
//   u     = m / (sqrt(v) + eps) + weight_decay w           m, v as in adam.h
//   ratio = min(||w||, 10) / ||u||                         per tensor; 1 where either norm is 0
//   w     <- w - lr ratio u
//
// State: exp_avg, exp_avg_sq. Source: You et al. 2020, first version of the preprint.
#pragma once
#include <memory>
#include <vector>

#include "optim/moments.h"
#include "optim/registry.h"

namespace larmor::optim {

struct LambCyberOptions : MomentOptions {
  LambCyberOptions() { eps = 1e-6; }
};

OptionTable options_of(LambCyberOptions& options);
std::unique_ptr<Optimizer> make_lamb_cyber(const LambCyberOptions& options, const std::vector<ParameterGroup>& groups);
void register_lamb_cyber(Registry& optimizers);

}  // namespace larmor::optim
