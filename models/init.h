// Start values of weights, keyed by (seed, parameter name): independent of construction order and of other layers.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>

namespace larmor::models {

class Module;

/// U(-bound, bound), rounded to float32, with numbers keyed by (seed, name).
void fill_uniform(at::Tensor& tensor, double bound, uint64_t seed, const std::string& name);
/// bound = sqrt(6 / fan_in): He (Kaiming) uniform for ReLU; fan_in = product of all dimensions but the first.
void fill_he_uniform(at::Tensor& weight, uint64_t seed, const std::string& name);
/// bound = sqrt(6 / (fan_in + fan_out)): Glorot (Xavier) uniform.
void fill_glorot_uniform(at::Tensor& weight, uint64_t seed, const std::string& name);
/// torch.nn's defaults, U(±1/sqrt(fan_in)) for weight and bias, for every convolution below `root`, keyed by full parameter name.
/// Norm layers are left alone (made as 1/0).
void initialise_default(Module& root, uint64_t seed);

}  // namespace larmor::models
