#include "optim/ralamb_true.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "optim/elementwise.h"
#include "optim/flat_optimizer.h"
#include "optim/trust_ratio.h"

namespace larmor::optim {

namespace {

constexpr double kLargestRatio = 10;

class RalambTrueRule : public MomentRule {
 public:
  explicit RalambTrueRule(const RalambTrueOptions& options) : MomentRule(options) {}

  bool two_passes() const override { return true; }

  /// Squared norms of w and u; u goes to the scratch.
  Sums first_pass(const TensorStep& step, const Chunk& chunk) const override {
    const float* const w = chunk.weights;
    const float* const g = chunk.gradient;
    float* const m = chunk.state[0];
    float* const v = chunk.state[1];
    float* const u = chunk.scratch;
    const Rectification rectification = rectify(step.step, step.momentum, this->beta2());
    const auto beta1 = static_cast<float>(step.momentum);
    const auto rest1 = static_cast<float>(1 - step.momentum);
    const auto beta2 = static_cast<float>(this->beta2());
    const auto rest2 = static_cast<float>(1 - this->beta2());
    const auto eps = static_cast<float>(this->eps());
    const auto decay = static_cast<float>(step.weight_decay);
    const auto factor = static_cast<float>(rectification.factor);
    if (rectification.is_adaptive) {
      return sum_over_elements<2>(chunk.count, streams(w, g, m, v, u), [=](int64_t i) {
        m[i] = beta1 * m[i] + rest1 * g[i];
        v[i] = beta2 * v[i] + rest2 * g[i] * g[i];
        u[i] = factor * (m[i] / (std::sqrt(v[i]) + eps)) + decay * w[i];
        return std::array<float, 2>{w[i] * w[i], u[i] * u[i]};
      });
    }
    return sum_over_elements<2>(chunk.count, streams(w, g, m, v, u), [=](int64_t i) {
      m[i] = beta1 * m[i] + rest1 * g[i];
      v[i] = beta2 * v[i] + rest2 * g[i] * g[i];
      u[i] = factor * m[i] + decay * w[i];
      return std::array<float, 2>{w[i] * w[i], u[i] * u[i]};
    });
  }

  void between(TensorStep& step) const override {
    step.ratio = std::min(trust_ratio(std::sqrt(step.sums[0]), std::sqrt(step.sums[1])), kLargestRatio);
  }

  void update(const TensorStep& step, const Chunk& chunk) const override { subtract_scratch(chunk, 0, step.lr * step.ratio); }

  void reference(TensorStep& step, const WholeTensor& tensor) const override {
    const at::Tensor& mean = tensor.state[0];
    update_moments(mean, tensor.state[1], tensor.gradient, step.momentum, beta2());
    const Rectification rectification = rectify(step.step, step.momentum, beta2());
    const at::Tensor direction = rectification.is_adaptive ? mean / (tensor.state[1].sqrt() + eps()) : mean;
    const at::Tensor update = direction * rectification.factor + step.weight_decay * tensor.weights;
    tensor.weights.sub_(update * trust_ratio(norm_of(tensor.weights), norm_of(update)).clamp_max(kLargestRatio), step.lr);
  }
};

}  // namespace

OptionTable options_of(RalambTrueOptions& options) {
  OptionTable table;
  add_moment_options(table, options);
  return table;
}

std::unique_ptr<Optimizer> make_ralamb_true(const RalambTrueOptions& options, const std::vector<ParameterGroup>& groups) {
  return std::make_unique<FlatOptimizer>(std::make_unique<RalambTrueRule>(options), groups);
}

void register_ralamb_true(Registry& optimizers) {
  optimizers.add<RalambTrueOptions>("ralamb_true", "RAdam with the trust ratio of LAMB", "mgrankin/over9000, ralamb.py of 2019-08-27",
                                    make_ralamb_true);
}

}  // namespace larmor::optim
