// Start values of weights, keyed by (seed, parameter name): independent of construction order and of other layers.
#pragma once
#include <cstdint>
#include <string>

#include <ATen/core/Tensor.h>

namespace larmor::models {

class Module;

/// U(-bound, bound) with numbers keyed by (seed, name).
void fill_uniform(at::Tensor& tensor, double bound, uint64_t seed, const std::string& name);
/// bound = sqrt(6 / fan_in): He (Kaiming) uniform for ReLU; fan_in = product of all dimensions but the first.
void fill_he_uniform(at::Tensor& weight, uint64_t seed, const std::string& name);
/// bound = sqrt(6 / (fan_in + fan_out)): Glorot (Xavier) uniform.
void fill_glorot_uniform(at::Tensor& weight, uint64_t seed, const std::string& name);
/// Framework defaults for every convolution, linear and norm layer below `root`, keyed by full parameter name.
void initialise_default(Module& root, uint64_t seed);

}  // namespace larmor::models
