// Ralamb with the trust ratio of LAMB: the first revision of mgrankin/over9000 (2019-08-27).
//
//   u     = r d + weight_decay w                          r and d as in ralamb.h
//   ratio = clamp(||w|| / ||u||, 0, 10)                   per tensor; 1 where either norm is 0
//   w     = w - lr ratio u
//
// State: exp_avg, exp_avg_sq.
#pragma once
#include <memory>
#include <vector>

#include "optim/moments.h"
#include "optim/registry.h"

namespace larmor::optim {

struct RalambTrueOptions : MomentOptions {};

OptionTable options_of(RalambTrueOptions& options);
std::unique_ptr<Optimizer> make_ralamb_true(const RalambTrueOptions& options, const std::vector<ParameterGroup>& groups);
void register_ralamb_true(Registry& optimizers);

}  // namespace larmor::optim
