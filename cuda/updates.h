// The update rules for one element, the same text for kernels and for their reference on the CPU.
//
// Compiled without contraction to fused multiply-add on either side, so both give the same bits. Symbols as in cuda/plugin.h.
#pragma once
#include <cmath>

#include "cuda/plugin.h"

#ifdef __CUDACC__
#define LARMOR_HOST_DEVICE __host__ __device__
#else
#define LARMOR_HOST_DEVICE
#endif

namespace larmor::cuda {

/// The direction d of an element whose moments are up to date.
LARMOR_HOST_DEVICE inline float direction(const LarmorCudaTensor& tensor, float mean, float mean_square) {
  return tensor.is_adaptive ? mean / (std::sqrt(mean_square) / tensor.root + tensor.eps) : mean;
}

/// Brings the moments up to date and gives the direction.
LARMOR_HOST_DEVICE inline float update_moments(const LarmorCudaTensor& tensor, float weight, float gradient, float& mean,
                                               float& mean_square) {
  const float g = gradient + tensor.added * weight;
  mean = tensor.beta1 * mean + tensor.rest1 * g;
  mean_square = tensor.beta2 * mean_square + tensor.rest2 * g * g;
  return direction(tensor, mean, mean_square);
}

/// What decoupled decay leaves.
LARMOR_HOST_DEVICE inline float kept_weight(const LarmorCudaTensor& tensor, float weight) { return weight - tensor.decay * weight; }

LARMOR_HOST_DEVICE inline float next_weight(const LarmorCudaTensor& tensor, float weight, float direction, float rate) {
  return kept_weight(tensor, weight) - rate * direction;
}

/// How much the layer-wise rule changes the rate, from squared norms of the kept and of the next weights.
LARMOR_HOST_DEVICE inline double ralamb_ratio(double kept_square, double next_square, double largest_norm) {
  const double kept = std::sqrt(kept_square);
  const double next = std::sqrt(next_square);
  if (!(kept > 0 && next > 0)) return 1;
  return (kept < largest_norm ? kept : largest_norm) / next;
}

LARMOR_HOST_DEVICE inline float slow_weight(float slow, float weight, float alpha) { return slow + alpha * (weight - slow); }

}  // namespace larmor::cuda
