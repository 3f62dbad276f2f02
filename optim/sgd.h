// Stochastic gradient descent with momentum.
//
//   g <- g + weight_decay w
//   b <- momentum b + (1 - dampening) g        b starts as g
//   w <- w - lr (nesterov ? g + momentum b : b)
//
// State: momentum_buffer (none without momentum). nnU-Net's setting: lr 0.01, momentum 0.99, nesterov, weight_decay 3e-5, schedule poly.
// Source: Sutskever et al. 2013, in the form of PyTorch.
#pragma once
#include <memory>
#include <vector>

#include "core/options.h"
#include "optim/registry.h"

namespace larmor::optim {

struct SgdOptions {
  double lr = 0.01;
  double momentum = 0;
  double dampening = 0;
  bool nesterov = false;
  double weight_decay = 0;
};

OptionTable options_of(SgdOptions& options);
std::unique_ptr<Optimizer> make_sgd(const SgdOptions& options, const std::vector<ParameterGroup>& groups);
void register_sgd(Registry& optimizers);

}  // namespace larmor::optim
