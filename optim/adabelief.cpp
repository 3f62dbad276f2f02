#include "optim/adabelief.h"

#include <ATen/ATen.h>

#include <cmath>

#include "optim/elementwise.h"
#include "optim/flat_optimizer.h"

namespace larmor::optim {

namespace {

class AdabeliefRule : public MomentRule {
 public:
  explicit AdabeliefRule(const AdabeliefOptions& options) : MomentRule(options), rectify_(options.rectify) {}

  std::vector<std::string> state_names() const override { return {"exp_avg", "exp_avg_var"}; }

  void update(const TensorStep& step, const Chunk& chunk) const override {
    float* const w = chunk.weights;
    const float* const g = chunk.gradient;
    float* const m = chunk.state[0];
    float* const s = chunk.state[1];
    const auto beta1 = static_cast<float>(step.momentum);
    const auto rest1 = static_cast<float>(1 - step.momentum);
    const auto beta2 = static_cast<float>(this->beta2());
    const auto rest2 = static_cast<float>(1 - this->beta2());
    const auto eps = static_cast<float>(this->eps());
    const auto decay = static_cast<float>(step.lr * step.weight_decay);
    const Scale scale = scale_of(step);
    const auto rate = static_cast<float>(step.lr * scale.factor);
    const auto root = static_cast<float>(scale.root);
    const auto update_moments_at = [=](int64_t i) {
      m[i] = beta1 * m[i] + rest1 * g[i];
      const float surprise = g[i] - m[i];
      s[i] = beta2 * s[i] + rest2 * surprise * surprise + eps;
    };
    if (scale.is_adaptive) {
      for_each_element(chunk.count, streams(w, g, m, s), [=](int64_t i) {
        update_moments_at(i);
        w[i] = w[i] - decay * w[i] - rate * (m[i] / (std::sqrt(s[i]) / root + eps));
      });
      return;
    }
    for_each_element(chunk.count, streams(w, g, m, s), [=](int64_t i) {
      update_moments_at(i);
      w[i] = w[i] - decay * w[i] - rate * m[i];
    });
  }

  void reference(TensorStep& step, const WholeTensor& tensor) const override {
    const at::Tensor& mean = tensor.state[0];
    const at::Tensor& variance = tensor.state[1];
    mean.mul_(step.momentum).add_(tensor.gradient, 1 - step.momentum);
    const at::Tensor surprise = tensor.gradient - mean;
    variance.mul_(beta2()).addcmul_(surprise, surprise, 1 - beta2()).add_(eps());
    const Scale scale = scale_of(step);
    const at::Tensor direction = scale.is_adaptive ? mean / (variance.sqrt() / scale.root + eps()) : mean;
    tensor.weights.sub_(tensor.weights, step.lr * step.weight_decay).sub_(direction, step.lr * scale.factor);
  }

 private:
  /// The direction is m / (sqrt(s) / root + eps), or m; the step lr times the factor.
  struct Scale {
    bool is_adaptive = true;
    double factor = 1;
    double root = 1;
  };

  Scale scale_of(const TensorStep& step) const {
    if (!rectify_) return {true, 1 / bias_correction(step.momentum, step.step), std::sqrt(bias_correction(beta2(), step.step))};
    const Rectification rectification = rectify(step.step, step.momentum, beta2());
    return {rectification.is_adaptive, rectification.factor, 1};
  }

  bool rectify_;
};

}  // namespace

OptionTable options_of(AdabeliefOptions& options) {
  OptionTable table;
  add_moment_options(table, options);
  table.add("rectify", options.rectify, "warm up as RAdam does");
  return table;
}

std::unique_ptr<Optimizer> make_adabelief(const AdabeliefOptions& options, const std::vector<ParameterGroup>& groups) {
  return std::make_unique<FlatOptimizer>(std::make_unique<AdabeliefRule>(options), groups);
}

void register_adabelief(Registry& optimizers) {
  optimizers.add<AdabeliefOptions>("adabelief", "Adam that trusts gradients near their mean", "Zhuang et al. 2020; timm's form",
                                   make_adabelief);
}

}  // namespace larmor::optim
