#include "optim/lamb.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "optim/elementwise.h"
#include "optim/flat_optimizer.h"
#include "optim/trust_ratio.h"

namespace larmor::optim {

namespace {

class LambRule : public MomentRule {
 public:
  explicit LambRule(const LambOptions& options)
      : MomentRule(options),
        gradient_limit_(options.max_grad_norm.value_or(0)),
        trust_clip_(options.trust_clip),
        always_adapt_(options.always_adapt) {}

  double gradient_limit() const override { return gradient_limit_; }
  bool two_passes() const override { return true; }

  /// Squared norms of w and u; u goes to the scratch.
  Sums first_pass(const TensorStep& step, const Chunk& chunk) const override {
    const float* const w = chunk.weights;
    const float* const gradient = chunk.gradient;
    float* const m = chunk.state[0];
    float* const v = chunk.state[1];
    float* const u = chunk.scratch;
    const auto beta1 = static_cast<float>(step.momentum);
    const auto rest1 = static_cast<float>(1 - step.momentum);
    const auto beta2 = static_cast<float>(this->beta2());
    const auto rest2 = static_cast<float>(1 - this->beta2());
    const auto eps = static_cast<float>(this->eps());
    const auto decay = static_cast<float>(step.weight_decay);
    const auto scale = static_cast<float>(step.gradient_scale);
    const auto mean = static_cast<float>(1 / bias_correction(step.momentum, step.step));
    const auto root = static_cast<float>(std::sqrt(bias_correction(this->beta2(), step.step)));
    return sum_over_elements<2>(chunk.count, streams(w, gradient, m, v, u), [=](int64_t i) {
      const float g = scale * gradient[i];
      m[i] = beta1 * m[i] + rest1 * g;
      v[i] = beta2 * v[i] + rest2 * g * g;
      u[i] = mean * m[i] / (std::sqrt(v[i]) / root + eps) + decay * w[i];
      return std::array<float, 2>{w[i] * w[i], u[i] * u[i]};
    });
  }

  void between(TensorStep& step) const override {
    if (!adapts(step)) return;
    step.ratio = trust_ratio(std::sqrt(step.sums[0]), std::sqrt(step.sums[1]));
    if (trust_clip_) step.ratio = std::min(step.ratio, 1.0);
  }

  void update(const TensorStep& step, const Chunk& chunk) const override { subtract_scratch(chunk, 0, step.lr * step.ratio); }

  void reference(TensorStep& step, const WholeTensor& tensor) const override {
    update_moments(tensor.state[0], tensor.state[1], tensor.gradient, step.momentum, beta2());
    const at::Tensor mean = tensor.state[0] / bias_correction(step.momentum, step.step);
    const at::Tensor root = (tensor.state[1] / bias_correction(beta2(), step.step)).sqrt();
    at::Tensor update = mean / (root + eps()) + step.weight_decay * tensor.weights;
    if (adapts(step)) {
      at::Tensor ratio = trust_ratio(norm_of(tensor.weights), norm_of(update));
      if (trust_clip_) ratio.clamp_max_(1);
      update = update * ratio;
    }
    tensor.weights.sub_(update, step.lr);
  }

 private:
  bool adapts(const TensorStep& step) const { return always_adapt_ || step.weight_decay != 0; }

  double gradient_limit_;
  bool trust_clip_;
  bool always_adapt_;
};

}  // namespace

OptionTable options_of(LambOptions& options) {
  OptionTable table;
  add_moment_options(table, options);
  table.add("max_grad_norm", options.max_grad_norm, "limit of the norm of all gradients together; null: none", greater_than(0));
  table.add("trust_clip", options.trust_clip, "let the ratio shorten steps only");
  table.add("always_adapt", options.always_adapt, "apply the ratio also where weight_decay is 0");
  return table;
}

std::unique_ptr<Optimizer> make_lamb(const LambOptions& options, const std::vector<ParameterGroup>& groups) {
  return std::make_unique<FlatOptimizer>(std::make_unique<LambRule>(options), groups);
}

void register_lamb(Registry& optimizers) {
  optimizers.add<LambOptions>("lamb", "layer-wise adaptive Adam, NVIDIA's form", "You et al. 2020; timm's form", make_lamb);
}

}  // namespace larmor::optim
