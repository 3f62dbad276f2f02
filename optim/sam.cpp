#include "optim/sam.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <cmath>

#include "optim/inner.h"

namespace larmor::optim {

namespace {

constexpr double kLeastNorm = 1e-12;  // added, against a division by 0

class SamOptimizer : public Optimizer {
 public:
  SamOptimizer(std::unique_ptr<Optimizer> inner, const SamOptions& options, const std::vector<ParameterGroup>& groups)
      : inner_(std::move(inner)), rho_(options.rho), is_adaptive_(options.adaptive) {
    for (const ParameterGroup& group : groups) {
      for (const auto& [name, parameter] : group.parameters) parameters_.push_back(parameter);
    }
  }

  bool needs_second_pass() const override { return true; }

  void perturb() override {
    const c10::NoGradGuard no_gradients;
    retreat();
    const double factor = rho_ / (norm() + kLeastNorm);
    for (const at::Tensor& parameter : parameters_) {
      if (!parameter.grad().defined()) continue;
      places_.push_back({parameter, parameter.clone()});
      const at::Tensor direction = is_adaptive_ ? parameter * parameter * parameter.grad() : parameter.grad();
      parameter.add_(direction, factor);
    }
  }

  void retreat() override {
    const c10::NoGradGuard no_gradients;
    for (const auto& [parameter, place] : places_) parameter.copy_(place);
    places_.clear();
  }

  void step(double lr) override {
    retreat();
    inner_->step(lr);
  }

  void zero_grad() override { inner_->zero_grad(); }
  void set_momentum(double momentum) override { inner_->set_momentum(momentum); }
  double gradient_norm() override { return inner_->gradient_norm(); }
  void scale_gradients(double factor) override { inner_->scale_gradients(factor); }
  void clamp_gradients(double limit) override { inner_->clamp_gradients(limit); }
  NamedTensors state() const override { return inner_->state(); }
  void load_state(const NamedTensors& state, const std::string& source) override { inner_->load_state(state, source); }
  NamedTensors slow_weights() const override { return inner_->slow_weights(); }
  NamedTensors evaluation_weights() const override { return inner_->evaluation_weights(); }
  double default_lr() const override { return inner_->default_lr(); }
  void use_kernels(const std::shared_ptr<DeviceKernels>& kernels) override { inner_->use_kernels(kernels); }

 private:
  struct Place {
    at::Tensor parameter;
    at::Tensor weights;  ///< before perturb()
  };

  /// Summed in ascending order, so that the order of parameters does not matter.
  double norm() {
    if (!is_adaptive_) return inner_->gradient_norm();
    std::vector<double> squares;
    for (const at::Tensor& parameter : parameters_) {
      if (!parameter.grad().defined()) continue;
      squares.push_back((parameter * parameter.grad()).to(at::kDouble).square().sum().item<double>());
    }
    std::sort(squares.begin(), squares.end());
    double sum = 0;
    for (const double square : squares) sum += square;
    return std::sqrt(sum);
  }

  std::unique_ptr<Optimizer> inner_;
  std::vector<at::Tensor> parameters_;
  std::vector<Place> places_;
  double rho_;
  bool is_adaptive_;
};

}  // namespace

OptionTable options_of(SamOptions& options) {
  OptionTable table;
  table.add("inner", options.inner, "the optimizer inside");
  table.add_node("inner_options", options.inner_options, "its options, lr among them");
  table.add("rho", options.rho, "how far from the weights the gradients are taken", at_least(0));
  table.add("adaptive", options.adaptive, "measure that distance relative to each weight (ASAM)");
  table.check("inner", [&options]() -> std::string {
    if (options.inner == "sam") return "'sam' inside itself would take its gradients in vain; take another";
    return resolve_inner(options.inner, options.inner_options);
  });
  return table;
}

std::unique_ptr<Optimizer> make_sam(const SamOptions& options, const std::vector<ParameterGroup>& groups) {
  return std::make_unique<SamOptimizer>(registry().at(options.inner).make(options.inner_options, groups), options, groups);
}

void register_sam(Registry& optimizers) {
  optimizers.add<SamOptions>("sam", "gradients from the worst place near the weights, for any optimizer", "Foret et al. 2021", make_sam);
}

}  // namespace larmor::optim
