// MADGRAD: dual averaging of the gradients from the start point, each element scaled by the cube root of its summed squares.
//
//   lr_t <- (lr + eps) sqrt(t)                            lr 0 stays 0
//   g    <- g + weight_decay w
//   s    <- s + lr_t g
//   v    <- v + lr_t g^2
//   z    <- w_0 - s / (cbrt(v) + eps)                     w_0: the weights before the first update
//   w    <- w + (1 - momentum) (z - w)
//
// Good rates are other than Adam's, and weight decay wants to be smaller. State: grad_sum, grad_sum_sq, start. Source: Defazio & Jelassi
// 2021, arXiv 2101.11075; the authors' form, which timm and pytorch_optimizer share.
#pragma once
#include <memory>
#include <vector>

#include "core/options.h"
#include "optim/registry.h"

namespace larmor::optim {

struct MadgradOptions {
  double lr = 1e-2;
  double momentum = 0.9;
  double eps = 1e-6;
  double weight_decay = 0;
};

OptionTable options_of(MadgradOptions& options);
std::unique_ptr<Optimizer> make_madgrad(const MadgradOptions& options, const std::vector<ParameterGroup>& groups);
void register_madgrad(Registry& optimizers);

}  // namespace larmor::optim
