// Exponential moving average of the weights: a <- d a + (1 - d) w with d = min(decay, (1 + t) / (10 + t)), t = 0, 1, … the update.
// Floating-point buffers (batch norm's running statistics) are averaged too, integer buffers are copied.
#pragma once
#include <cstdint>

#include "core/tensors.h"

namespace larmor::optim {

class Ema {
 public:
  /// `state`: the model's whole state dict (parameters and buffers); copies are taken. `decay` in [0, 1).
  Ema(const NamedTensors& state, double decay);
  /// After an optimizer step; `state` has the same entries in the same order.
  void update(const NamedTensors& state);
  const NamedTensors& averaged() const { return averaged_; }
  int64_t updates() const { return updates_; }
  /// Error (data): other names, shapes or types.
  void load(const NamedTensors& averaged, int64_t updates);

 private:
  NamedTensors averaged_;
  double decay_;
  int64_t updates_ = 0;
};

}  // namespace larmor::optim
