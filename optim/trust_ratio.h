// What the layer-wise optimizers (LARS, LAMB, Ralamb) share.
#pragma once
#include <ATen/core/Tensor.h>

#include "optim/rule.h"

namespace larmor::optim {

/// weight_norm / update_norm, 1 where either is 0.
double trust_ratio(double weight_norm, double update_norm);
at::Tensor trust_ratio(const at::Tensor& weight_norm, const at::Tensor& update_norm);

/// The Euclidean norm of a tensor, as a tensor without dimensions.
at::Tensor norm_of(const at::Tensor& tensor);

/// w <- w - decay w - factor scratch.
void subtract_scratch(const Chunk& chunk, double decay, double factor);

}  // namespace larmor::optim
