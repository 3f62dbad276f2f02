#include "optim/nadam.h"

#include <ATen/ATen.h>

#include <cmath>

#include "optim/elementwise.h"
#include "optim/flat_optimizer.h"

namespace larmor::optim {

namespace {

class NadamRule : public MomentRule {
 public:
  explicit NadamRule(const NadamOptions& options)
      : MomentRule(options), momentum_decay_(options.momentum_decay), decoupled_decay_(options.decoupled_weight_decay) {}

  std::vector<std::string> scalar_names() const override { return {"mu_product"}; }
  double scalar_start() const override { return 1; }

  void prepare(TensorStep& step) const override { step.scalars[0] *= coefficient(step, step.step); }

  void update(const TensorStep& step, const Chunk& chunk) const override {
    float* const w = chunk.weights;
    const float* const gradient = chunk.gradient;
    float* const m = chunk.state[0];
    float* const v = chunk.state[1];
    const auto beta1 = static_cast<float>(step.momentum);
    const auto rest1 = static_cast<float>(1 - step.momentum);
    const auto beta2 = static_cast<float>(this->beta2());
    const auto rest2 = static_cast<float>(1 - this->beta2());
    const auto eps = static_cast<float>(this->eps());
    const auto decay = static_cast<float>(decay_of(step));
    const auto added = static_cast<float>(added_weight(step));
    const auto of_gradient = static_cast<float>(step.lr * gradient_share(step));
    const auto of_mean = static_cast<float>(step.lr * mean_share(step));
    const auto correction = static_cast<float>(bias_correction(this->beta2(), step.step));
    for_each_element(chunk.count, streams(w, gradient, m, v), [=](int64_t i) {
      const float g = gradient[i] + added * w[i];
      m[i] = beta1 * m[i] + rest1 * g;
      v[i] = beta2 * v[i] + rest2 * g * g;
      w[i] = w[i] - decay * w[i] - (of_gradient * g + of_mean * m[i]) / (std::sqrt(v[i] / correction) + eps);
    });
  }

  void reference(TensorStep& step, const WholeTensor& tensor) const override {
    const at::Tensor gradient = tensor.gradient + added_weight(step) * tensor.weights;
    update_moments(tensor.state[0], tensor.state[1], gradient, step.momentum, beta2());
    const at::Tensor denominator = (tensor.state[1] / bias_correction(beta2(), step.step)).sqrt() + eps();
    tensor.weights.sub_(tensor.weights, decay_of(step))
        .addcdiv_(gradient, denominator, -step.lr * gradient_share(step))
        .addcdiv_(tensor.state[0], denominator, -step.lr * mean_share(step));
  }

 private:
  double coefficient(const TensorStep& step, int64_t t) const {
    return step.momentum * (1 - 0.5 * std::pow(0.96, static_cast<double>(t) * momentum_decay_));
  }
  double gradient_share(const TensorStep& step) const { return (1 - coefficient(step, step.step)) / (1 - step.scalars[0]); }
  double mean_share(const TensorStep& step) const {
    const double next = coefficient(step, step.step + 1);
    return next / (1 - step.scalars[0] * next);
  }
  double decay_of(const TensorStep& step) const { return decoupled_decay_ ? step.lr * step.weight_decay : 0; }
  double added_weight(const TensorStep& step) const { return decoupled_decay_ ? 0 : step.weight_decay; }

  double momentum_decay_;
  bool decoupled_decay_;
};

}  // namespace

OptionTable options_of(NadamOptions& options) {
  OptionTable table;
  add_moment_options(table, options);
  table.add("momentum_decay", options.momentum_decay, "how fast the momentum coefficient grows to beta1", at_least(0));
  table.add("decoupled_weight_decay", options.decoupled_weight_decay, "decay the weights instead of adding to the gradient");
  return table;
}

std::unique_ptr<Optimizer> make_nadam(const NadamOptions& options, const std::vector<ParameterGroup>& groups) {
  return std::make_unique<FlatOptimizer>(std::make_unique<NadamRule>(options), groups);
}

void register_nadam(Registry& optimizers) {
  optimizers.add<NadamOptions>("nadam", "Adam with Nesterov momentum", "Dozat 2016; PyTorch's form", make_nadam);
}

}  // namespace larmor::optim
