// RMSprop: steps of the gradient over the root of its mean square.
//
//   g <- g + weight_decay w
//   v <- alpha v + (1 - alpha) g^2             centered: a <- alpha a + (1 - alpha) g, and v - a^2 stands for v below
//   d = g / (sqrt(v) + eps)
//   w <- w - lr d                              with momentum: b <- momentum b + d, w <- w - lr b
//
// State: square_avg, with momentum momentum_buffer, centered grad_avg. Source: Hinton's lecture 6a, 2012; PyTorch's form.
#pragma once
#include <memory>
#include <vector>

#include "core/options.h"
#include "optim/registry.h"

namespace larmor::optim {

struct RmspropOptions {
  double lr = 0.01;
  double alpha = 0.99;
  double eps = 1e-8;
  double momentum = 0;
  bool centered = false;
  double weight_decay = 0;
};

OptionTable options_of(RmspropOptions& options);
std::unique_ptr<Optimizer> make_rmsprop(const RmspropOptions& options, const std::vector<ParameterGroup>& groups);
void register_rmsprop(Registry& optimizers);

}  // namespace larmor::optim
