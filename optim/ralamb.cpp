#include "optim/ralamb.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "optim/elementwise.h"
#include "optim/flat_optimizer.h"
#include "optim/trust_ratio.h"

namespace larmor::optim {

namespace {

constexpr double kLargestWeightNorm = 10;

class RalambRule : public MomentRule {
 public:
  explicit RalambRule(const RalambOptions& options) : MomentRule(options) {}

  bool two_passes() const override { return true; }

  /// Squared norms of w1 and of the next weight; d goes to the scratch.
  Sums first_pass(const TensorStep& step, const Chunk& chunk) const override {
    const float* const w = chunk.weights;
    const float* const g = chunk.gradient;
    float* const m = chunk.state[0];
    float* const v = chunk.state[1];
    float* const d = chunk.scratch;
    const Rectification rectification = rectify(step.step, step.momentum, this->beta2());
    const auto beta1 = static_cast<float>(step.momentum);
    const auto rest1 = static_cast<float>(1 - step.momentum);
    const auto beta2 = static_cast<float>(this->beta2());
    const auto rest2 = static_cast<float>(1 - this->beta2());
    const auto eps = static_cast<float>(this->eps());
    const auto decay = static_cast<float>(decay_of(step));
    const auto rate = static_cast<float>(step.lr * rectification.factor);
    if (rectification.is_adaptive) {
      return sum_over_elements<2>(chunk.count, streams(w, g, m, v, d), [=](int64_t i) {
        m[i] = beta1 * m[i] + rest1 * g[i];
        v[i] = beta2 * v[i] + rest2 * g[i] * g[i];
        d[i] = m[i] / (std::sqrt(v[i]) + eps);
        const float kept = w[i] - decay * w[i];
        const float next = kept - rate * d[i];
        return std::array<float, 2>{kept * kept, next * next};
      });
    }
    return sum_over_elements<2>(chunk.count, streams(w, g, m, v, d), [=](int64_t i) {
      m[i] = beta1 * m[i] + rest1 * g[i];
      v[i] = beta2 * v[i] + rest2 * g[i] * g[i];
      d[i] = m[i];
      const float kept = w[i] - decay * w[i];
      const float next = kept - rate * d[i];
      return std::array<float, 2>{kept * kept, next * next};
    });
  }

  void between(TensorStep& step) const override {
    step.ratio = trust_ratio(std::min(std::sqrt(step.sums[0]), kLargestWeightNorm), std::sqrt(step.sums[1]));
  }

  void update(const TensorStep& step, const Chunk& chunk) const override {
    const double rate = step.lr * rectify(step.step, step.momentum, beta2()).factor;
    subtract_scratch(chunk, decay_of(step), rate * step.ratio);
  }

  std::optional<DeviceStep> device_step(const TensorStep& step) const override {
    const Rectification rectification = rectify(step.step, step.momentum, this->beta2());
    DeviceCoefficients coefficients = shared_coefficients(step);
    coefficients.decay = decay_of(step);
    coefficients.rate = step.lr * rectification.factor;
    coefficients.is_adaptive = rectification.is_adaptive;
    return DeviceStep{coefficients, kLargestWeightNorm};
  }

  void reference(TensorStep& step, const WholeTensor& tensor) const override {
    const at::Tensor& mean = tensor.state[0];
    update_moments(mean, tensor.state[1], tensor.gradient, step.momentum, beta2());
    const Rectification rectification = rectify(step.step, step.momentum, beta2());
    const at::Tensor direction = rectification.is_adaptive ? mean / (tensor.state[1].sqrt() + eps()) : mean;
    tensor.weights.sub_(tensor.weights, decay_of(step));
    const at::Tensor move = direction * (step.lr * rectification.factor);
    const at::Tensor ratio = trust_ratio(norm_of(tensor.weights).clamp_max(kLargestWeightNorm), norm_of(tensor.weights - move));
    tensor.weights.sub_(move * ratio);
  }

 private:
  static double decay_of(const TensorStep& step) { return step.lr * step.weight_decay; }
};

}  // namespace

OptionTable options_of(RalambOptions& options) {
  OptionTable table;
  add_moment_options(table, options);
  return table;
}

std::unique_ptr<Optimizer> make_ralamb(const RalambOptions& options, const std::vector<ParameterGroup>& groups) {
  return std::make_unique<FlatOptimizer>(std::make_unique<RalambRule>(options), groups);
}

void register_ralamb(Registry& optimizers) {
  optimizers.add<RalambOptions>("ralamb", "RAdam with a ratio of weight norms per tensor", "mgrankin/over9000, ralamb.py since 2019-08-28",
                                make_ralamb);
}

}  // namespace larmor::optim
