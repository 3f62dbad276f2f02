#include "optim/adam.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "optim/elementwise.h"
#include "optim/flat_optimizer.h"

namespace larmor::optim {

namespace {

class AdamRule : public MomentRule {
 public:
  AdamRule(const AdamOptions& options, bool decoupled_decay)
      : MomentRule(options), amsgrad_(options.amsgrad), decoupled_decay_(decoupled_decay) {}

  std::vector<std::string> state_names() const override {
    std::vector<std::string> names = MomentRule::state_names();
    if (amsgrad_) names.emplace_back("max_exp_avg_sq");
    return names;
  }

  void update(const TensorStep& step, const Chunk& chunk) const override {
    float* const w = chunk.weights;
    const float* const gradient = chunk.gradient;
    float* const m = chunk.state[0];
    float* const v = chunk.state[1];
    float* const largest = chunk.state[2];
    const auto beta1 = static_cast<float>(step.momentum);
    const auto rest1 = static_cast<float>(1 - step.momentum);
    const auto beta2 = static_cast<float>(this->beta2());
    const auto rest2 = static_cast<float>(1 - this->beta2());
    const auto eps = static_cast<float>(this->eps());
    const auto decay = static_cast<float>(decay_of(step));
    const auto added = static_cast<float>(added_weight(step));
    const auto rate = static_cast<float>(step.lr / bias_correction(step.momentum, step.step));
    const auto root = static_cast<float>(std::sqrt(bias_correction(this->beta2(), step.step)));
    if (amsgrad_) {
      for_each_element(chunk.count, streams(w, gradient, m, v, largest), [=](int64_t i) {
        const float g = gradient[i] + added * w[i];
        m[i] = beta1 * m[i] + rest1 * g;
        v[i] = beta2 * v[i] + rest2 * g * g;
        largest[i] = v[i] > largest[i] ? v[i] : largest[i];
        w[i] = w[i] - decay * w[i] - rate * (m[i] / (std::sqrt(largest[i]) / root + eps));
      });
      return;
    }
    for_each_element(chunk.count, streams(w, gradient, m, v), [=](int64_t i) {
      const float g = gradient[i] + added * w[i];
      m[i] = beta1 * m[i] + rest1 * g;
      v[i] = beta2 * v[i] + rest2 * g * g;
      w[i] = w[i] - decay * w[i] - rate * (m[i] / (std::sqrt(v[i]) / root + eps));
    });
  }

  std::optional<DeviceStep> device_step(const TensorStep& step) const override {
    if (amsgrad_) return std::nullopt;
    DeviceCoefficients coefficients = shared_coefficients(step);
    coefficients.root = std::sqrt(bias_correction(this->beta2(), step.step));
    coefficients.added = added_weight(step);
    coefficients.decay = decay_of(step);
    coefficients.rate = step.lr / bias_correction(step.momentum, step.step);
    return DeviceStep{coefficients};
  }

  void reference(TensorStep& step, const WholeTensor& tensor) const override {
    update_moments(tensor.state[0], tensor.state[1], tensor.gradient + added_weight(step) * tensor.weights, step.momentum, beta2());
    at::Tensor square = tensor.state[1];
    if (amsgrad_) {
      at::Tensor largest = tensor.state[2];
      square = at::maximum_out(largest, largest, square);
    }
    const at::Tensor mean = tensor.state[0] / bias_correction(step.momentum, step.step);
    const at::Tensor root = (square / bias_correction(beta2(), step.step)).sqrt();
    tensor.weights.sub_(tensor.weights, decay_of(step)).sub_(mean / (root + eps()), step.lr);
  }

 private:
  double decay_of(const TensorStep& step) const { return decoupled_decay_ ? step.lr * step.weight_decay : 0; }
  double added_weight(const TensorStep& step) const { return decoupled_decay_ ? 0 : step.weight_decay; }

  bool amsgrad_;
  bool decoupled_decay_;
};

}  // namespace

OptionTable options_of(AdamOptions& options) {
  OptionTable table;
  add_moment_options(table, options);
  table.add("amsgrad", options.amsgrad, "divide by the largest second moment so far");
  return table;
}

std::unique_ptr<const Rule> make_adam_rule(const AdamOptions& options, bool decoupled_decay) {
  return std::make_unique<AdamRule>(options, decoupled_decay);
}

std::unique_ptr<Optimizer> make_adam(const AdamOptions& options, const std::vector<ParameterGroup>& groups) {
  return std::make_unique<FlatOptimizer>(make_adam_rule(options, false), groups);
}

void register_adam(Registry& optimizers) {
  optimizers.add<AdamOptions>("adam", "Adam, weight decay added to the gradient", "Kingma & Ba 2015; amsgrad: Reddi et al. 2018",
                              make_adam);
}

}  // namespace larmor::optim
