// A loss: logits and targets in, one scalar out.
//
//   logits  float  N x C x …        raw network output (C = 1: binary or, with several channels, multi-label)
//   target  int64  N x …            class indices (multi-class), or float N x C x … in [0, 1] (binary, multi-label)
//
// `ignore_index` pixels neither enter sums nor counts. Sums are taken in float32 at least. Empty targets: each loss states its rule.
#pragma once
#include <ATen/core/Tensor.h>

#include <memory>
#include <string>

#include "core/registry.h"

namespace larmor::losses {

class Loss {
 public:
  virtual ~Loss() = default;
  /// A scalar that backward() can be called on.
  virtual at::Tensor operator()(const at::Tensor& logits, const at::Tensor& target) const = 0;
};

}  // namespace larmor::losses
