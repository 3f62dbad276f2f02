// LARS: momentum descent whose rate is scaled per tensor by the norm of the weights over the norm of the gradient.
//
//   ratio = trust_coefficient ||w|| / (||g|| + weight_decay ||w|| + eps), with trust_clip at most lr; 1 where either norm is 0
//   d     = ratio (g + weight_decay w)
//   b     <- momentum b + (1 - dampening) d                b starts as d
//   w     <- w - lr (nesterov ? d + momentum b : b)
//
// The ratio (and with it the decay) is applied where weight_decay is not 0, or everywhere with always_adapt.
// State: momentum_buffer (none without momentum). Source: You et al. 2017; trust_clip: LARC of NVIDIA; timm's form.
#pragma once
#include <memory>
#include <vector>

#include "core/options.h"
#include "optim/registry.h"

namespace larmor::optim {

struct LarsOptions {
  double lr = 1;
  double momentum = 0;
  double dampening = 0;
  bool nesterov = false;
  double weight_decay = 0;
  double trust_coefficient = 1e-3;
  double eps = 1e-8;
  bool trust_clip = false;
  bool always_adapt = false;
};

OptionTable options_of(LarsOptions& options);
std::unique_ptr<Optimizer> make_lars(const LarsOptions& options, const std::vector<ParameterGroup>& groups);
void register_lars(Registry& optimizers);

}  // namespace larmor::optim
