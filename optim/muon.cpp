#include "optim/muon.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "optim/adamw.h"
#include "optim/flat_optimizer.h"
#include "optim/moments.h"

namespace larmor::optim {

namespace {

constexpr double kLeastNorm = 1e-7;

/// The matrix of about the same row and column spaces whose singular values are near 1.
at::Tensor orthogonal(const at::Tensor& matrix, int64_t steps) {
  constexpr double kLinear = 3.4445, kCubic = -4.7750, kQuintic = 2.0315;
  at::Tensor x = matrix.to(at::kBFloat16);
  const bool is_tall = x.size(0) > x.size(1);
  if (is_tall) x = x.t();
  x = x / x.norm().clamp_min(kLeastNorm);
  for (int64_t i = 0; i < steps; ++i) {
    const at::Tensor gram = x.mm(x.t());
    x = at::addmm(x, at::addmm(gram, gram, gram, kCubic, kQuintic), x, kLinear);
  }
  return is_tall ? x.t() : x;
}

class MuonRule : public Rule {
 public:
  explicit MuonRule(const MuonOptions& options) : options_(options) {}

  double lr() const override { return options_.lr; }
  double weight_decay() const override { return options_.weight_decay; }
  double momentum() const override { return options_.momentum; }
  std::vector<std::string> state_names() const override { return {"momentum_buffer"}; }
  bool has_chunks() const override { return false; }

  void reference(TensorStep& step, const WholeTensor& tensor) const override {
    if (tensor.weights.numel() == 0) return;
    const at::Tensor& mean = tensor.state[0];
    mean.lerp_(tensor.gradient, 1 - step.momentum);
    const at::Tensor update = options_.nesterov ? tensor.gradient.lerp(mean, step.momentum) : mean;
    const at::Tensor matrix = update.flatten(1);
    const double shape_factor = std::sqrt(std::max(1.0, static_cast<double>(matrix.size(0)) / static_cast<double>(matrix.size(1))));
    const at::Tensor direction = orthogonal(matrix, options_.newton_schulz_steps).to(tensor.weights.scalar_type());
    tensor.weights.mul_(1 - step.lr * step.weight_decay);
    tensor.weights.sub_(direction.reshape(tensor.weights.sizes()), step.lr * shape_factor);
  }

 private:
  MuonOptions options_;
};

/// Two optimizers side by side, the second with a rate of its own.
class MuonOptimizer : public Optimizer {
 public:
  MuonOptimizer(std::unique_ptr<Optimizer> matrices, std::unique_ptr<Optimizer> others)
      : matrices_(std::move(matrices)), others_(std::move(others)), rate_ratio_(ratio(others_->default_lr(), matrices_->default_lr())) {}

  void step(double lr) override {
    matrices_->step(lr);
    others_->step(lr * rate_ratio_);
  }
  void zero_grad() override {
    matrices_->zero_grad();
    others_->zero_grad();
  }
  void set_momentum(double momentum) override {
    matrices_->set_momentum(momentum);
    others_->set_momentum(momentum);
  }
  double gradient_norm() override { return std::hypot(matrices_->gradient_norm(), others_->gradient_norm()); }
  void scale_gradients(double factor) override {
    matrices_->scale_gradients(factor);
    others_->scale_gradients(factor);
  }
  void clamp_gradients(double limit) override {
    matrices_->clamp_gradients(limit);
    others_->clamp_gradients(limit);
  }
  NamedTensors state() const override {
    NamedTensors all = matrices_->state(), more = others_->state();
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  void load_state(const NamedTensors& state, const std::string& source) override {
    const NamedTensors before = matrices_->state();
    std::set<std::string> names;
    for (const auto& [name, tensor] : before) names.insert(name);
    NamedTensors of_matrices, of_others;
    for (const auto& entry : state) (names.contains(entry.first) ? of_matrices : of_others).push_back(entry);
    matrices_->load_state(of_matrices, source);
    try {
      others_->load_state(of_others, source);
    } catch (...) {
      matrices_->load_state(before, source);
      throw;
    }
  }
  double default_lr() const override { return matrices_->default_lr(); }
  void use_kernels(const std::shared_ptr<DeviceKernels>& kernels) override { others_->use_kernels(kernels); }

 private:
  static double ratio(double other, double own) { return own > 0 ? other / own : 0; }

  std::unique_ptr<Optimizer> matrices_, others_;
  double rate_ratio_;
};

bool is_for_muon(const std::string& name, const at::Tensor& parameter, const MuonOptions& options) {
  if (parameter.dim() < 2) return false;
  const auto fits = [&](const std::string& pattern) { return fits_pattern(pattern, name); };
  return std::none_of(options.adamw_names.begin(), options.adamw_names.end(), fits);
}

std::vector<ParameterGroup> select(std::vector<ParameterGroup> groups, const MuonOptions& options, bool matrices) {
  for (ParameterGroup& group : groups) {
    std::erase_if(group.parameters, [&](const auto& entry) { return is_for_muon(entry.first, entry.second, options) != matrices; });
  }
  return groups;
}

AdamwOptions adamw_options(const MuonOptions& options) {
  AdamwOptions adamw;
  adamw.lr = options.adamw_lr;
  adamw.betas = options.adamw_betas;
  adamw.eps = options.adamw_eps;
  adamw.weight_decay = options.adamw_weight_decay;
  return adamw;
}

}  // namespace

OptionTable options_of(MuonOptions& options) {
  OptionTable table;
  table.add("lr", options.lr, "learning rate of the matrices", at_least(0));
  table.add("momentum", options.momentum, "decay rate of the running mean of the gradient", from_up_to(0, 1));
  table.add("nesterov", options.nesterov, "look ahead by one step of momentum");
  table.add("newton_schulz_steps", options.newton_schulz_steps, "steps towards an orthogonal matrix", between(1, 20));
  table.add("weight_decay", options.weight_decay, "weight decay of the matrices", at_least(0));
  table.add("adamw_names", options.adamw_names, "tensors that are AdamW's although they are matrices; * stands for any text");
  table.add("adamw_lr", options.adamw_lr, "AdamW's learning rate", at_least(0));
  table.add("adamw_betas", options.adamw_betas, "AdamW's decay rates", from_up_to(0, 1));
  table.add("adamw_eps", options.adamw_eps, "AdamW's eps", at_least(0));
  table.add("adamw_weight_decay", options.adamw_weight_decay, "AdamW's weight decay", at_least(0));
  table.check("adamw_betas", [&options] { return options.adamw_betas.size() == 2 ? "" : "must have 2 numbers"; });
  return table;
}

std::unique_ptr<Optimizer> make_muon(const MuonOptions& options, const std::vector<ParameterGroup>& groups) {
  auto matrices = std::make_unique<FlatOptimizer>(std::make_unique<MuonRule>(options), select(groups, options, true));
  return std::make_unique<MuonOptimizer>(std::move(matrices), make_adamw(adamw_options(options), select(groups, options, false)));
}

void register_muon(Registry& optimizers) {
  optimizers.add<MuonOptions>("muon", "momentum made orthogonal for matrices, AdamW for the rest", "Jordan et al. 2024", make_muon);
}

}  // namespace larmor::optim
