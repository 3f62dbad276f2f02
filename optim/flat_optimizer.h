// The one Optimizer over a Rule: groups in flat memory, skipping of tensors without gradient, threads, state by name.
//
// A step is one parallel loop over pieces of 16 384 elements, so that small tensors do not wait for large ones. Norms are sums
// over fixed pieces in a fixed order: results do not depend on the number of threads.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "optim/flat_parameters.h"
#include "optim/optimizer.h"
#include "optim/rule.h"

namespace larmor::optim {

/// A parameter group in memory.
struct FlatGroup {
  FlatParameters parameters;
  double lr_factor = 1;
  double weight_decay = 0;
  std::vector<at::Tensor> state;             ///< one buffer per Rule::state_names
  std::vector<int64_t> steps;                ///< updates of each segment
  std::vector<std::vector<double>> scalars;  ///< Rule::scalar_names of each segment
};

/// A segment of some group.
struct SegmentIndex {
  size_t group = 0;
  size_t segment = 0;
};

class FlatOptimizer : public Optimizer {
 public:
  FlatOptimizer(std::unique_ptr<const Rule> rule, const std::vector<ParameterGroup>& groups);

  void step(double lr) override;
  void zero_grad() override;
  void set_momentum(double momentum) override { momentum_ = momentum; }
  double gradient_norm() override;
  void scale_gradients(double factor) override;
  void clamp_gradients(double limit) override;
  NamedTensors state() const override;
  void load_state(const NamedTensors& state, const std::string& source) override;
  NamedTensors evaluation_weights() const override;
  double default_lr() const override { return rule_->lr(); }
  void use_kernels(const std::shared_ptr<DeviceKernels>& kernels) override { kernels_ = kernels; }

  const std::vector<FlatGroup>& groups() const { return groups_; }
  /// True where the kernels in use take the group's tensors.
  bool is_served(const FlatGroup& group) const;
  /// The segments that have a gradient now.
  std::vector<SegmentIndex> segments_with_gradient() const;
  /// What state() saves and load_state() fills, by name: views into the buffers; steps and scalars as tensors of their own.
  NamedTensors state_views() const;

 private:
  struct Task;
  std::vector<Task> make_tasks(double lr);
  void run_fast(std::vector<Task>& tasks);
  void run_one_pass(const std::vector<Task>& tasks);
  void run_two_passes(std::vector<Task>& tasks);
  void run_on_device(const std::vector<Task>& tasks);
  void run_reference(std::vector<Task>& tasks) const;
  void run_by_tensor(std::vector<Task>& tasks) const;
  void run_reference(Task& task) const;

  std::unique_ptr<const Rule> rule_;
  std::vector<FlatGroup> groups_;
  std::shared_ptr<DeviceKernels> kernels_;
  double momentum_ = std::numeric_limits<double>::quiet_NaN();
  at::Tensor scratch_;
};

}  // namespace larmor::optim
