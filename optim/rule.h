// An update rule: what one optimizer does to one tensor in one step.
//
// FlatOptimizer (optim/flat_optimizer.h) owns memory, groups, threads and state; a rule is only its formula, written twice:
//   reference()             whole tensors with ATen, for any floating-point type and device; the definition
//   first_pass(), update()  float32 chunks on the CPU; the fast path, equal to the reference within rounding
// A rule whose step needs a norm of the whole tensor says two_passes(): first_pass() measures every chunk, between() sees the totals,
// update() applies. Between the two it may keep one number per element in Chunk::scratch.
#pragma once
#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "optim/device_kernels.h"

namespace larmor::optim {

/// The totals that a first pass can measure.
using Sums = std::array<double, 2>;

/// One tensor in one step.
struct TensorStep {
  int64_t step = 1;           ///< t: updates of this tensor including this one
  double lr = 0;              ///< with the group's factor
  double weight_decay = 0;    ///< the group's, else the optimizer's
  double momentum = 0;        ///< the first momentum coefficient of this step
  double gradient_scale = 1;  ///< < 1 where the rule limits the norm of all gradients
  int64_t dimensions = 0;
  int64_t filter = 0;         ///< elements of one slice of the first dimension
  double* scalars = nullptr;  ///< Rule::scalar_names of this tensor, kept between steps
  Sums sums{};                ///< two passes: the totals
  double ratio = 1;           ///< two passes: what between() made of them
};

/// A contiguous part of a tensor in float32.
struct Chunk {
  int64_t count = 0;
  float* weights = nullptr;
  const float* gradient = nullptr;
  std::array<float*, 4> state{};  ///< in the order of Rule::state_names
  float* scratch = nullptr;       ///< two passes only
};

/// A whole tensor.
struct WholeTensor {
  at::Tensor weights;
  at::Tensor gradient;
  std::vector<at::Tensor> state;
};

class Rule {
 public:
  virtual ~Rule() = default;
  virtual double lr() const = 0;
  virtual double weight_decay() const = 0;
  /// The first momentum coefficient, or NaN where there is none.
  virtual double momentum() const { return std::numeric_limits<double>::quiet_NaN(); }
  /// Tensors of the parameter's shape that are kept between steps ("exp_avg"), at most four; they start at zero.
  virtual std::vector<std::string> state_names() const = 0;
  /// Numbers per tensor that are kept between steps ("mu_product"), and where they start.
  virtual std::vector<std::string> scalar_names() const { return {}; }
  virtual double scalar_start() const { return 0; }
  /// > 0: gradients are scaled so that their norm over all groups is at most this.
  virtual double gradient_limit() const { return 0; }
  virtual bool two_passes() const { return false; }
  /// False: there is no fast path, reference() does every step (of a matrix on one thread, so that results do not depend on threads).
  virtual bool has_chunks() const { return true; }
  /// True: chunks hold whole filters.
  virtual bool needs_whole_filters() const { return false; }

  /// Before a step; may change step.scalars.
  virtual void prepare(TensorStep&) const {}
  virtual Sums first_pass(const TensorStep&, const Chunk&) const { return {}; }
  /// After all of first_pass; sets step.ratio, may change step.scalars.
  virtual void between(TensorStep&) const {}
  virtual void update(const TensorStep&, const Chunk&) const {}

  /// The step as a call of fused device kernels, where they can do it. prepare() has been called; the state is exp_avg, exp_avg_sq.
  virtual std::optional<DeviceStep> device_step(const TensorStep&) const { return std::nullopt; }

  /// The whole step (prepare() has been called).
  virtual void reference(TensorStep& step, const WholeTensor& tensor) const = 0;

  /// True: what is evaluated is average() of a tensor that has had an update, not its weights.
  virtual bool has_average() const { return false; }
  virtual at::Tensor average(const WholeTensor&) const { return {}; }
};

}  // namespace larmor::optim
