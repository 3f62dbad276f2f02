// Random tensors for the optimizer kernels and the plain loops that the kernels must equal.
#pragma once
#include <cmath>
#include <cstdint>
#include <vector>

#include "core/random.h"
#include "cuda/updates.h"

namespace larmor::cuda::testing {

/// The memory of one tensor on the host.
struct HostTensor {
  std::vector<float> weights, gradient, mean, mean_square, slow;
  LarmorCudaTensor coefficients{};

  /// The coefficients with pointers to this memory.
  LarmorCudaTensor view() {
    LarmorCudaTensor tensor = coefficients;
    tensor.count = static_cast<int64_t>(weights.size());
    tensor.weights = weights.data();
    tensor.gradient = gradient.data();
    tensor.mean = mean.data();
    tensor.mean_square = mean_square.data();
    tensor.slow = slow.data();
    return tensor;
  }
};

/// One step of an optimizer with moments.
struct StepOptions {
  double lr = 1e-2, beta1 = 0.9, beta2 = 0.999, eps = 1e-8;
  double coupled_decay = 0, decoupled_decay = 0;
  int64_t step = 1;
};

inline LarmorCudaTensor common_coefficients(const StepOptions& options) {
  LarmorCudaTensor tensor{};
  tensor.beta1 = static_cast<float>(options.beta1);
  tensor.rest1 = static_cast<float>(1 - options.beta1);
  tensor.beta2 = static_cast<float>(options.beta2);
  tensor.rest2 = static_cast<float>(1 - options.beta2);
  tensor.eps = static_cast<float>(options.eps);
  tensor.added = static_cast<float>(options.coupled_decay);
  tensor.decay = static_cast<float>(options.lr * options.decoupled_decay);
  tensor.root = 1;
  tensor.is_adaptive = 1;
  return tensor;
}

inline LarmorCudaTensor adam_coefficients(const StepOptions& options) {
  LarmorCudaTensor tensor = common_coefficients(options);
  const auto t = static_cast<double>(options.step);
  tensor.rate = static_cast<float>(options.lr / (1 - std::pow(options.beta1, t)));
  tensor.root = static_cast<float>(std::sqrt(1 - std::pow(options.beta2, t)));
  return tensor;
}

inline LarmorCudaTensor radam_coefficients(const StepOptions& options) {
  LarmorCudaTensor tensor = common_coefficients(options);
  const auto t = static_cast<double>(options.step);
  const double correction1 = 1 - std::pow(options.beta1, t);
  const double correction2 = 1 - std::pow(options.beta2, t);
  const double rho_infinity = 2 / (1 - options.beta2) - 1;
  const double rho = rho_infinity - 2 * t * std::pow(options.beta2, t) / correction2;
  tensor.is_adaptive = rho >= 5;
  const double rectified = std::sqrt(correction2 * (rho - 4) * (rho - 2) * rho_infinity / ((rho_infinity - 4) * (rho_infinity - 2) * rho));
  tensor.rate = static_cast<float>(options.lr * (tensor.is_adaptive ? rectified : 1) / correction1);
  return tensor;
}

inline HostTensor random_tensor(int64_t count, const LarmorCudaTensor& coefficients, uint64_t seed) {
  HostTensor tensor;
  tensor.coefficients = coefficients;
  Random random(RandomKey(seed).with("tensor"));
  const auto fill = [&](std::vector<float>& values, bool positive) {
    values.resize(static_cast<size_t>(count));
    for (float& value : values) value = static_cast<float>(positive ? random.uniform() : 2 * random.uniform() - 1);
  };
  fill(tensor.weights, false);
  fill(tensor.gradient, false);
  fill(tensor.mean, false);
  fill(tensor.mean_square, true);
  fill(tensor.slow, false);
  return tensor;
}

inline void moment_step(const LarmorCudaTensor& tensor) {
  for (int64_t i = 0; i < tensor.count; ++i) {
    const float d = update_moments(tensor, tensor.weights[i], tensor.gradient[i], tensor.mean[i], tensor.mean_square[i]);
    tensor.weights[i] = next_weight(tensor, tensor.weights[i], d, tensor.rate);
  }
}

inline void ralamb_step(const LarmorCudaTensor& tensor, double largest_norm) {
  double kept = 0, next = 0;
  for (int64_t i = 0; i < tensor.count; ++i) {
    const float d = update_moments(tensor, tensor.weights[i], tensor.gradient[i], tensor.mean[i], tensor.mean_square[i]);
    kept += std::pow(static_cast<double>(kept_weight(tensor, tensor.weights[i])), 2);
    next += std::pow(static_cast<double>(next_weight(tensor, tensor.weights[i], d, tensor.rate)), 2);
  }
  const double ratio = ralamb_ratio(kept, next, largest_norm);
  for (int64_t i = 0; i < tensor.count; ++i) {
    const float d = direction(tensor, tensor.mean[i], tensor.mean_square[i]);
    tensor.weights[i] = next_weight(tensor, tensor.weights[i], d, static_cast<float>(tensor.rate * ratio));
  }
}

inline void lookahead_sync(const LarmorCudaTensor& tensor, float alpha) {
  for (int64_t i = 0; i < tensor.count; ++i) {
    tensor.slow[i] = slow_weight(tensor.slow[i], tensor.weights[i], alpha);
    tensor.weights[i] = tensor.slow[i];
  }
}

}  // namespace larmor::cuda::testing
