// Mixed precision without GradScaler: an autocast guard and a loss scaler for fp16.
#pragma once
#include <ATen/core/Tensor.h>

#include <string>

#include "optim/optimizer.h"

namespace larmor::train {

enum class Precision { float32, bf16, fp16 };

/// "float32" | "bf16" | "fp16". Error (usage): fp16 on a CPU device.
Precision parse_precision(const std::string& name, at::Device device);

/// Autocast for the life of the object, in this thread only: forward and loss inside, backward outside.
class AutocastGuard {
 public:
  AutocastGuard(Precision precision, at::DeviceType device);
  ~AutocastGuard();
  AutocastGuard(const AutocastGuard&) = delete;
  AutocastGuard& operator=(const AutocastGuard&) = delete;

 private:
  bool active_;
  at::DeviceType device_;
  bool was_enabled_ = false;
  at::ScalarType was_dtype_ = at::kFloat;
};

/// Dynamic loss scaling (Micikevicius et al. 2018): halves on a non-finite gradient and skips that step, doubles after 2000 good steps.
class LossScaler {
 public:
  explicit LossScaler(Precision precision) : active_(precision == Precision::fp16) {}
  at::Tensor scale(const at::Tensor& loss) const;
  /// Divides the gradients by the scale. False: some gradient is not finite and the step must be skipped. Without fp16 nothing is
  /// scaled and the answer is whether the gradients are finite.
  bool unscale(optim::Optimizer& optimizer);
  double factor() const { return active_ ? factor_ : 1.0; }
  std::string state() const;
  void load_state(const std::string& text);

 private:
  bool active_;
  double factor_ = 65536;
  int64_t good_steps_ = 0;
};

}  // namespace larmor::train
