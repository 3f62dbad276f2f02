// Optimizers over flat memory.
//
// All parameters of a group become views into one flat buffer, moments are buffers of the same layout (optim/flat_parameters.h); a
// step is one pass, or two where norms are needed, over each segment (tensor). Gradients stay where backward() put them.
// A segment whose gradient was not produced since the last zero_grad() is skipped entirely: no decay, no state, no step count.
// State is saved by parameter name; k steps, save, load, n-k steps equal n steps bit for bit on CPU, whatever the thread count.
// float32 on the CPU runs in fused loops, on a device in fused kernels where there are some (use_kernels); any other type or device
// through ATen operators (optim/rule.h).
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/registry.h"
#include "core/tensors.h"

namespace larmor::optim {

/// A rule that puts parameters into a group: the first whose pattern fits wins.
struct GroupRule {
  std::vector<std::string> patterns;  ///< "*" wildcards over full names; "norm" and "bias" are also kinds, see make_groups
  double lr_factor = 1;
  std::optional<double> weight_decay;  ///< none: the optimizer's own
};

struct ParameterGroup {
  NamedTensors parameters;  ///< leaf tensors that require grad
  double lr_factor = 1;
  std::optional<double> weight_decay;
};

/// Groups parameters that require grad; one that no rule takes goes to a last group without changes, empty groups are left out.
/// "bias": name ends in ".bias"; "norm": 1-D ".weight" and its bias (batch, group and layer norm).
/// Error (usage): a pattern that fits no parameter.
std::vector<ParameterGroup> make_groups(const NamedTensors& parameters, const std::vector<GroupRule>& rules);

/// "*" in a pattern stands for any text.
bool fits_pattern(std::string_view pattern, std::string_view name);

class DeviceKernels;  // optim/device_kernels.h

class Optimizer {
 public:
  virtual ~Optimizer() = default;
  /// One update with learning rate `lr` (times each group's factor). Gradients must have been produced by backward().
  virtual void step(double lr) = 0;
  /// Forgets gradients: they become undefined, and so every segment has "no gradient yet".
  virtual void zero_grad() = 0;
  /// Overrides the first momentum coefficient (one-cycle schedules); NaN: the option's own value. Without effect where there is none.
  virtual void set_momentum(double momentum) = 0;
  /// Euclidean norm of all gradients of this step, over segments that have one.
  virtual double gradient_norm() = 0;
  /// Multiplies gradients (clipping, unscaling).
  virtual void scale_gradients(double factor) = 0;
  virtual void clamp_gradients(double limit) = 0;

  /// Copies: "exp_avg/<parameter>", "exp_avg_sq/<parameter>", "slow/<parameter>" tensors and "step/<parameter>" int64 scalars.
  virtual NamedTensors state() const = 0;
  /// Error (data) naming what is missing or of another shape; nothing is changed then.
  virtual void load_state(const NamedTensors& state, const std::string& source) = 0;
  /// The slow weights where the optimizer keeps some (Lookahead), by parameter name; empty otherwise.
  virtual NamedTensors slow_weights() const { return {}; }
  /// What to evaluate and keep where that is not what is trained (schedule-free averages), by parameter name; empty otherwise.
  virtual NamedTensors evaluation_weights() const { return {}; }

  /// True: wants gradients taken beside the weights (SAM). perturb() moves the weights there, by the gradients of now; after it the
  /// gradients of the same batches must be computed again. step() goes back first; retreat() goes back to leave the step out.
  virtual bool needs_second_pass() const { return false; }
  virtual void perturb() {}
  virtual void retreat() {}
  virtual double default_lr() const = 0;
  /// Fused steps for parameters on the device that these kernels serve, by rules that have one; the others go on through ATen.
  virtual void use_kernels(const std::shared_ptr<DeviceKernels>&) {}
};

}  // namespace larmor::optim
