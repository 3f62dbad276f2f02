#include "optim/radam.h"

#include <ATen/ATen.h>

#include <cmath>

#include "optim/elementwise.h"
#include "optim/flat_optimizer.h"

namespace larmor::optim {

namespace {

class RadamRule : public MomentRule {
 public:
  explicit RadamRule(const RadamOptions& options)
      : MomentRule(options), skips_warmup_(options.warmup == "skip"), decoupled_decay_(options.decay == "decoupled") {}

  void update(const TensorStep& step, const Chunk& chunk) const override {
    float* const w = chunk.weights;
    const float* const gradient = chunk.gradient;
    float* const m = chunk.state[0];
    float* const v = chunk.state[1];
    const Rectification rectification = rectify(step.step, step.momentum, this->beta2());
    const auto beta1 = static_cast<float>(step.momentum);
    const auto rest1 = static_cast<float>(1 - step.momentum);
    const auto beta2 = static_cast<float>(this->beta2());
    const auto rest2 = static_cast<float>(1 - this->beta2());
    const auto eps = static_cast<float>(this->eps());
    const auto decay = static_cast<float>(decay_of(step, rectification));
    const auto added = static_cast<float>(added_weight(step));
    const auto rate = static_cast<float>(rate_of(step, rectification));
    if (rectification.is_adaptive) {
      for_each_element(chunk.count, streams(w, gradient, m, v), [=](int64_t i) {
        const float g = gradient[i] + added * w[i];
        m[i] = beta1 * m[i] + rest1 * g;
        v[i] = beta2 * v[i] + rest2 * g * g;
        w[i] = w[i] - decay * w[i] - rate * (m[i] / (std::sqrt(v[i]) + eps));
      });
      return;
    }
    for_each_element(chunk.count, streams(w, gradient, m, v), [=](int64_t i) {
      const float g = gradient[i] + added * w[i];
      m[i] = beta1 * m[i] + rest1 * g;
      v[i] = beta2 * v[i] + rest2 * g * g;
      w[i] = w[i] - decay * w[i] - rate * m[i];
    });
  }

  std::optional<DeviceStep> device_step(const TensorStep& step) const override {
    const Rectification rectification = rectify(step.step, step.momentum, this->beta2());
    DeviceCoefficients coefficients = shared_coefficients(step);
    coefficients.added = added_weight(step);
    coefficients.decay = decay_of(step, rectification);
    coefficients.rate = rate_of(step, rectification);
    coefficients.is_adaptive = rectification.is_adaptive;
    return DeviceStep{coefficients};
  }

  void reference(TensorStep& step, const WholeTensor& tensor) const override {
    const Rectification rectification = rectify(step.step, step.momentum, beta2());
    update_moments(tensor.state[0], tensor.state[1], tensor.gradient + added_weight(step) * tensor.weights, step.momentum, beta2());
    const at::Tensor& mean = tensor.state[0];
    const at::Tensor direction = rectification.is_adaptive ? mean / (tensor.state[1].sqrt() + eps()) : mean;
    tensor.weights.sub_(tensor.weights, decay_of(step, rectification)).sub_(direction, rate_of(step, rectification));
  }

 private:
  bool is_skipped(const Rectification& rectification) const { return skips_warmup_ && !rectification.is_adaptive; }
  double decay_of(const TensorStep& step, const Rectification& rectification) const {
    return decoupled_decay_ && !is_skipped(rectification) ? step.lr * step.weight_decay : 0;
  }
  double added_weight(const TensorStep& step) const { return decoupled_decay_ ? 0 : step.weight_decay; }
  double rate_of(const TensorStep& step, const Rectification& rectification) const {
    return is_skipped(rectification) ? 0 : step.lr * rectification.factor;
  }

  bool skips_warmup_;
  bool decoupled_decay_;
};

}  // namespace

OptionTable options_of(RadamOptions& options) {
  OptionTable table;
  add_moment_options(table, options);
  table.add("warmup", options.warmup, "while the variance is not tractable: steps of the mean gradient, or none", {"sgd", "skip"});
  table.add("decay", options.decay, "where weight_decay acts: on the weights, or on the gradient", {"decoupled", "coupled"});
  return table;
}

std::unique_ptr<Optimizer> make_radam(const RadamOptions& options, const std::vector<ParameterGroup>& groups) {
  return std::make_unique<FlatOptimizer>(std::make_unique<RadamRule>(options), groups);
}

void register_radam(Registry& optimizers) {
  optimizers.add<RadamOptions>("radam", "Adam with a rectified warm-up", "Liu et al. 2020; form of mgrankin/over9000", make_radam);
}

}  // namespace larmor::optim
