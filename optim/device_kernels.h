// Fused optimizer steps on a device, offered from outside: optim knows the plugin of CUDA kernels by this interface alone.
//
// A call works on all tensors of a step at once. It puts its work on the device's current stream and does not wait, unless it returns
// numbers. The formulas are those of the rules' reference() in optim/adam.h, radam.h, ralamb.h and lookahead.h.
#pragma once
#include <c10/core/Device.h>

#include <cstdint>
#include <span>
#include <vector>

namespace larmor::optim {

/// g <- gradient + added w;  m <- beta1 m + (1 - beta1) g;  v <- beta2 v + (1 - beta2) g²;
/// d = m / (sqrt(v) / root + eps), or m where the step is not adaptive;  w <- (w - decay w) - rate d.
struct DeviceCoefficients {
  double beta1 = 0, beta2 = 0, eps = 0;
  double root = 1;
  double added = 0;
  double decay = 0;
  double rate = 0;
  bool is_adaptive = true;
};

/// What a rule asks for.
struct DeviceStep {
  DeviceCoefficients coefficients;
  /// > 0: the rate of each tensor is multiplied by min(‖w - decay w‖, largest_norm) / ‖w - decay w - rate d‖, 1 where a norm is 0.
  double largest_norm = 0;
};

/// One tensor in contiguous float32 memory of the device; what a call does not name may be null.
struct DeviceTensor {
  int64_t count = 0;
  float* weights = nullptr;
  float* gradient = nullptr;
  float* mean = nullptr;         ///< m
  float* mean_square = nullptr;  ///< v
  float* slow = nullptr;
  DeviceCoefficients coefficients;
};

class DeviceKernels {
 public:
  virtual ~DeviceKernels() = default;
  /// True for the device whose tensors these kernels take.
  virtual bool serves(c10::Device device) const = 0;
  virtual void step(std::span<const DeviceTensor> tensors, double largest_norm) = 0;
  /// slow <- slow + alpha (w - slow);  w <- slow.
  virtual void synchronise(std::span<const DeviceTensor> tensors, double alpha) = 0;
  /// The sum of squares of each gradient; waits.
  virtual std::vector<double> gradient_squares(std::span<const DeviceTensor> tensors) = 0;
  virtual void scale_gradients(std::span<const DeviceTensor> tensors, double factor) = 0;
};

}  // namespace larmor::optim
