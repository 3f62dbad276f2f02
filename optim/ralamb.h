// Ralamb ("RAdam + LARS") as mgrankin/over9000 has had it since 2019-08-28, to the letter.
//
//   w1    = w (1 - lr weight_decay)
//   d     = rho_t >= 5 ? m / (sqrt(v) + eps) : m          m, v, rho_t and r as in radam.h, with its warm-up of plain steps
//   next  = w1 - lr r d
//   ratio = min(||w1||, 10) / ||next||                    per tensor; 1 where either norm is 0
//   w     = w1 - lr r ratio d
//
// The norm below the line is that of the next weight, not of the update as in LAMB: the ratio is about 1 for tensors of norm up to
// 10, 10 / ||w|| above, and below 1 for tensors that grow from 0 (biases). The step is not invariant to the scale of the weights.
// For the ratio with the update's norm see ralamb_true. State: exp_avg, exp_avg_sq.
#pragma once
#include <memory>
#include <vector>

#include "optim/moments.h"
#include "optim/registry.h"

namespace larmor::optim {

struct RalambOptions : MomentOptions {};

OptionTable options_of(RalambOptions& options);
std::unique_ptr<Optimizer> make_ralamb(const RalambOptions& options, const std::vector<ParameterGroup>& groups);
void register_ralamb(Registry& optimizers);

}  // namespace larmor::optim
