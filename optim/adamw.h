// AdamW: Adam whose weight decay acts on the weights, not on the gradient: w <- w (1 - lr weight_decay) before the step of adam.h.
//
// State as adam. Source: Loshchilov & Hutter 2019; PyTorch's form.
#pragma once
#include <memory>
#include <vector>

#include "optim/adam.h"
#include "optim/registry.h"

namespace larmor::optim {

struct AdamwOptions : AdamOptions {
  AdamwOptions() { weight_decay = 0.01; }
};

OptionTable options_of(AdamwOptions& options);
std::unique_ptr<Optimizer> make_adamw(const AdamwOptions& options, const std::vector<ParameterGroup>& groups);
void register_adamw(Registry& optimizers);

}  // namespace larmor::optim
