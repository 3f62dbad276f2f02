#include "optim/trust_ratio.h"

#include <ATen/ATen.h>

#include "optim/elementwise.h"

namespace larmor::optim {

double trust_ratio(double weight_norm, double update_norm) { return weight_norm > 0 && update_norm > 0 ? weight_norm / update_norm : 1; }

at::Tensor trust_ratio(const at::Tensor& weight_norm, const at::Tensor& update_norm) {
  const at::Tensor both = at::logical_and(weight_norm.gt(0), update_norm.gt(0));
  return at::where(both, weight_norm / update_norm, at::ones_like(weight_norm));
}

at::Tensor norm_of(const at::Tensor& tensor) { return at::square(tensor).sum().sqrt(); }

void subtract_scratch(const Chunk& chunk, double decay, double factor) {
  float* const w = chunk.weights;
  const float* const update = chunk.scratch;
  const auto lost = static_cast<float>(decay);
  const auto rate = static_cast<float>(factor);
  for_each_element(chunk.count, streams(), [=](int64_t i) { w[i] = w[i] - lost * w[i] - rate * update[i]; });
}

}  // namespace larmor::optim
