#include "optim/adan.h"

#include <ATen/ATen.h>

#include <cmath>

#include "optim/elementwise.h"
#include "optim/flat_optimizer.h"

namespace larmor::optim {

namespace {

class AdanRule : public MomentRule {
 public:
  explicit AdanRule(const AdanOptions& options)
      : MomentRule(options), beta3_(options.betas[2]), is_proximal_(options.decay == "proximal") {}

  std::vector<std::string> state_names() const override { return {"exp_avg", "exp_avg_diff", "exp_avg_sq", "previous_gradient"}; }

  void update(const TensorStep& step, const Chunk& chunk) const override {
    float* const w = chunk.weights;
    const float* const g = chunk.gradient;
    float* const m = chunk.state[0];
    float* const c = chunk.state[1];
    float* const v = chunk.state[2];
    float* const previous = chunk.state[3];
    const auto beta1 = static_cast<float>(step.momentum);
    const auto rest1 = static_cast<float>(1 - step.momentum);
    const auto beta2 = static_cast<float>(this->beta2());
    const auto rest2 = static_cast<float>(1 - this->beta2());
    const auto beta3 = static_cast<float>(beta3_);
    const auto rest3 = static_cast<float>(1 - beta3_);
    const auto eps = static_cast<float>(this->eps());
    const float has_previous = step.step == 1 ? 0.0F : 1.0F;
    const auto of_mean = static_cast<float>(mean_share(step));
    const auto of_change = static_cast<float>(change_share(step));
    const auto root = static_cast<float>(std::sqrt(bias_correction(beta3_, step.step)));
    const auto decay = static_cast<float>(is_proximal_ ? 0 : step.lr * step.weight_decay);
    const auto shrink = static_cast<float>(is_proximal_ ? 1 + step.lr * step.weight_decay : 1);
    for_each_element(chunk.count, streams(w, g, m, c, v, previous), [=](int64_t i) {
      const float change = has_previous * (g[i] - previous[i]);
      const float ahead = g[i] + beta2 * change;
      previous[i] = g[i];
      m[i] = beta1 * m[i] + rest1 * g[i];
      c[i] = beta2 * c[i] + rest2 * change;
      v[i] = beta3 * v[i] + rest3 * ahead * ahead;
      w[i] = (w[i] - decay * w[i] - (of_mean * m[i] + of_change * c[i]) / (std::sqrt(v[i]) / root + eps)) / shrink;
    });
  }

  void reference(TensorStep& step, const WholeTensor& tensor) const override {
    const at::Tensor& previous = tensor.state[3];
    const at::Tensor change = step.step == 1 ? at::zeros_like(tensor.gradient) : tensor.gradient - previous;
    const at::Tensor ahead = tensor.gradient + beta2() * change;
    previous.copy_(tensor.gradient);
    tensor.state[0].mul_(step.momentum).add_(tensor.gradient, 1 - step.momentum);
    tensor.state[1].mul_(beta2()).add_(change, 1 - beta2());
    tensor.state[2].mul_(beta3_).addcmul_(ahead, ahead, 1 - beta3_);
    const at::Tensor denominator = tensor.state[2].sqrt() / std::sqrt(bias_correction(beta3_, step.step)) + eps();
    if (!is_proximal_) tensor.weights.sub_(tensor.weights, step.lr * step.weight_decay);
    tensor.weights.sub_((tensor.state[0] * mean_share(step) + tensor.state[1] * change_share(step)) / denominator);
    if (is_proximal_) tensor.weights.div_(1 + step.lr * step.weight_decay);
  }

 private:
  static double mean_share(const TensorStep& step) { return step.lr / bias_correction(step.momentum, step.step); }
  double change_share(const TensorStep& step) const { return step.lr * beta2() / bias_correction(beta2(), step.step); }

  double beta3_;
  bool is_proximal_;
};

}  // namespace

OptionTable options_of(AdanOptions& options) {
  OptionTable table;
  add_moment_options(table, options, 3);
  table.add("decay", options.decay, "how weight_decay acts: by a division after the step, or on the weights before",
            {"proximal", "weights"});
  return table;
}

std::unique_ptr<Optimizer> make_adan(const AdanOptions& options, const std::vector<ParameterGroup>& groups) {
  return std::make_unique<FlatOptimizer>(std::make_unique<AdanRule>(options), groups);
}

void register_adan(Registry& optimizers) {
  optimizers.add<AdanOptions>("adan", "Adam with Nesterov momentum through the change of the gradient", "Xie et al. 2022; timm's form",
                              make_adan);
}

}  // namespace larmor::optim
