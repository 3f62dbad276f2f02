// Exponential moving average of the weights (decay with warm-up min(d, (1 + t) / (10 + t))); integer buffers are copied.
#pragma once
#include <cstdint>

#include "core/tensors.h"

namespace larmor::optim {

class Ema {
 public:
  /// `state`: the model's whole state dict (parameters and buffers); copies are taken.
  Ema(const NamedTensors& state, double decay);
  /// After an optimizer step.
  void update(const NamedTensors& state);
  const NamedTensors& averaged() const { return averaged_; }
  int64_t updates() const { return updates_; }
  void load(const NamedTensors& averaged, int64_t updates);

 private:
  NamedTensors averaged_;
  double decay_;
  int64_t updates_ = 0;
};

}  // namespace larmor::optim
