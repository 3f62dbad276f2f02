// Optimizers over flat memory.
//
// All parameters of a group become views into one flat float32 buffer, gradients too; a step is one pass over each segment (tensor).
// A segment whose gradient was not produced since the last zero_grad() is skipped entirely: no decay, no state, no step count.
// State is saved by parameter name; k steps, save, load, n-k steps equal n steps bit for bit on CPU at the same thread count.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/registry.h"
#include "core/tensors.h"

namespace larmor::optim {

/// A rule that puts parameters into a group: the first whose pattern fits wins.
struct GroupRule {
  std::vector<std::string> patterns;  ///< "*" wildcards over full names; "norm" and "bias" are also kinds, see make_groups
  double lr_factor = 1;
  std::optional<double> weight_decay; ///< none: the optimizer's own
};

struct ParameterGroup {
  NamedTensors parameters;   ///< leaf tensors that require grad
  double lr_factor = 1;
  std::optional<double> weight_decay;
};

/// Groups parameters. "bias": name ends in ".bias"; "norm": 1-D ".weight" and its bias (batch, group and layer norm).
std::vector<ParameterGroup> make_groups(const NamedTensors& parameters, const std::vector<GroupRule>& rules);

class Optimizer {
 public:
  virtual ~Optimizer() = default;
  /// One update with learning rate `lr` (times each group's factor). Gradients must have been produced by backward().
  virtual void step(double lr) = 0;
  /// Forgets gradients: sets the flat buffer to zero and marks every segment as "no gradient yet".
  virtual void zero_grad() = 0;
  /// Overrides the first momentum coefficient (one-cycle schedules); NaN: the option's own value.
  virtual void set_momentum(double momentum) = 0;
  /// Euclidean norm of all gradients of this step, over segments that have one.
  virtual double gradient_norm() = 0;
  /// Multiplies gradients (clipping, unscaling).
  virtual void scale_gradients(double factor) = 0;
  virtual void clamp_gradients(double limit) = 0;

  /// "exp_avg/<parameter>", "exp_avg_sq/<parameter>", "slow/<parameter>" tensors and "step/<parameter>" int64 scalars.
  virtual NamedTensors state() const = 0;
  /// Error (data) naming what is missing or of another shape; nothing is changed then.
  virtual void load_state(const NamedTensors& state, const std::string& source) = 0;
  /// The slow weights where the optimizer keeps some (Lookahead), by parameter name; empty otherwise.
  virtual NamedTensors slow_weights() const { return {}; }
  virtual double default_lr() const = 0;
};

}  // namespace larmor::optim
