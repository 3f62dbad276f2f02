#include "optim/lamb_cyber.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "optim/elementwise.h"
#include "optim/flat_optimizer.h"
#include "optim/trust_ratio.h"

namespace larmor::optim {

namespace {

constexpr double kLargestWeightNorm = 10;

class LambCyberRule : public MomentRule {
 public:
  explicit LambCyberRule(const LambCyberOptions& options) : MomentRule(options) {}

  bool two_passes() const override { return true; }

  /// Squared norms of w and u; u goes to the scratch.
  Sums first_pass(const TensorStep& step, const Chunk& chunk) const override {
    const float* const w = chunk.weights;
    const float* const g = chunk.gradient;
    float* const m = chunk.state[0];
    float* const v = chunk.state[1];
    float* const u = chunk.scratch;
    const auto beta1 = static_cast<float>(step.momentum);
    const auto rest1 = static_cast<float>(1 - step.momentum);
    const auto beta2 = static_cast<float>(this->beta2());
    const auto rest2 = static_cast<float>(1 - this->beta2());
    const auto eps = static_cast<float>(this->eps());
    const auto decay = static_cast<float>(step.weight_decay);
    return sum_over_elements<2>(chunk.count, streams(w, g, m, v, u), [=](int64_t i) {
      m[i] = beta1 * m[i] + rest1 * g[i];
      v[i] = beta2 * v[i] + rest2 * g[i] * g[i];
      u[i] = m[i] / (std::sqrt(v[i]) + eps) + decay * w[i];
      return std::array<float, 2>{w[i] * w[i], u[i] * u[i]};
    });
  }

  void between(TensorStep& step) const override {
    step.ratio = trust_ratio(std::min(std::sqrt(step.sums[0]), kLargestWeightNorm), std::sqrt(step.sums[1]));
  }

  void update(const TensorStep& step, const Chunk& chunk) const override { subtract_scratch(chunk, 0, step.lr * step.ratio); }

  void reference(TensorStep& step, const WholeTensor& tensor) const override {
    update_moments(tensor.state[0], tensor.state[1], tensor.gradient, step.momentum, beta2());
    const at::Tensor update = tensor.state[0] / (tensor.state[1].sqrt() + eps()) + step.weight_decay * tensor.weights;
    const at::Tensor ratio = trust_ratio(norm_of(tensor.weights).clamp_max(kLargestWeightNorm), norm_of(update));
    tensor.weights.sub_(update * ratio, step.lr);
  }
};

}  // namespace

OptionTable options_of(LambCyberOptions& options) {
  OptionTable table;
  add_moment_options(table, options);
  return table;
}

std::unique_ptr<Optimizer> make_lamb_cyber(const LambCyberOptions& options, const std::vector<ParameterGroup>& groups) {
  return std::make_unique<FlatOptimizer>(std::make_unique<LambCyberRule>(options), groups);
}

void register_lamb_cyber(Registry& optimizers) {
  optimizers.add<LambCyberOptions>("lamb_cyber", "layer-wise adaptive Adam without bias correction",
                                   "You et al. 2020; form of cybertronai and mgrankin/over9000", make_lamb_cyber);
}

}  // namespace larmor::optim
