// Adagrad: steps of the gradient over the root of the sum of its squares.
//
//   g <- g + weight_decay w
//   s <- s + g^2
//   w <- w - lr / (1 + (t - 1) lr_decay) g / (sqrt(s) + eps)
//
// State: sum. Source: Duchi et al. 2011; PyTorch's form.
#pragma once
#include <memory>
#include <vector>

#include "core/options.h"
#include "optim/registry.h"

namespace larmor::optim {

struct AdagradOptions {
  double lr = 0.01;
  double lr_decay = 0;
  double eps = 1e-10;
  double weight_decay = 0;
};

OptionTable options_of(AdagradOptions& options);
std::unique_ptr<Optimizer> make_adagrad(const AdagradOptions& options, const std::vector<ParameterGroup>& groups);
void register_adagrad(Registry& optimizers);

}  // namespace larmor::optim
