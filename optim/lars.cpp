#include "optim/lars.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "optim/elementwise.h"
#include "optim/flat_optimizer.h"
#include "optim/trust_ratio.h"

namespace larmor::optim {

namespace {

class LarsRule : public Rule {
 public:
  explicit LarsRule(const LarsOptions& options) : options_(options) {}

  double lr() const override { return options_.lr; }
  double weight_decay() const override { return options_.weight_decay; }
  double momentum() const override { return options_.momentum; }
  std::vector<std::string> state_names() const override {
    return has_buffer() ? std::vector<std::string>{"momentum_buffer"} : std::vector<std::string>{};
  }
  bool two_passes() const override { return true; }

  /// Squared norms of w and g.
  Sums first_pass(const TensorStep&, const Chunk& chunk) const override {
    const float* const w = chunk.weights;
    const float* const g = chunk.gradient;
    return sum_over_elements<2>(chunk.count, streams(w, g), [=](int64_t i) { return std::array<float, 2>{w[i] * w[i], g[i] * g[i]}; });
  }

  void between(TensorStep& step) const override {
    if (!adapts(step)) return;
    const double weight_norm = std::sqrt(step.sums[0]);
    const double gradient_norm = std::sqrt(step.sums[1]);
    if (weight_norm > 0 && gradient_norm > 0) {
      step.ratio = options_.trust_coefficient * weight_norm / (gradient_norm + step.weight_decay * weight_norm + options_.eps);
    }
    if (options_.trust_clip) step.ratio = step.lr > 0 ? std::min(step.ratio / step.lr, 1.0) : 1;
  }

  void update(const TensorStep& step, const Chunk& chunk) const override {
    float* const w = chunk.weights;
    const float* const g = chunk.gradient;
    float* const buffer = chunk.state[0];
    const auto lr = static_cast<float>(step.lr);
    const auto decay = static_cast<float>(adapts(step) ? step.weight_decay : 0);
    const auto ratio = static_cast<float>(step.ratio);
    if (!has_buffer()) {
      for_each_element(chunk.count, streams(), [=](int64_t i) { w[i] -= lr * (ratio * (g[i] + decay * w[i])); });
      return;
    }
    const auto momentum = static_cast<float>(step.momentum);
    const float kept = step.step == 1 ? 0.0F : momentum;
    const float added = step.step == 1 ? 1.0F : static_cast<float>(1 - options_.dampening);
    const float of_direction = options_.nesterov ? 1.0F : 0.0F;
    const float of_buffer = options_.nesterov ? momentum : 1.0F;
    for_each_element(chunk.count, streams(buffer), [=](int64_t i) {
      const float d = ratio * (g[i] + decay * w[i]);
      const float b = kept * buffer[i] + added * d;
      buffer[i] = b;
      w[i] -= lr * (of_direction * d + of_buffer * b);
    });
  }

  void reference(TensorStep& step, const WholeTensor& tensor) const override {
    at::Tensor direction = tensor.gradient;
    if (adapts(step)) {
      step.sums = {at::square(tensor.weights).sum().item<double>(), at::square(tensor.gradient).sum().item<double>()};
      between(step);
      direction = (direction + step.weight_decay * tensor.weights) * step.ratio;
    }
    if (!has_buffer()) {
      tensor.weights.sub_(direction, step.lr);
      return;
    }
    const at::Tensor& buffer = tensor.state[0];
    if (step.step == 1) {
      buffer.copy_(direction);
    } else {
      buffer.mul_(step.momentum).add_(direction, 1 - options_.dampening);
    }
    tensor.weights.sub_(options_.nesterov ? direction + step.momentum * buffer : buffer, step.lr);
  }

 private:
  bool has_buffer() const { return options_.momentum > 0; }
  bool adapts(const TensorStep& step) const { return options_.always_adapt || step.weight_decay != 0; }

  LarsOptions options_;
};

}  // namespace

OptionTable options_of(LarsOptions& options) {
  OptionTable table;
  table.add("lr", options.lr, "learning rate", at_least(0));
  table.add("momentum", options.momentum, "share of the last update that is kept; 0: no momentum", from_up_to(0, 1));
  table.add("dampening", options.dampening, "share of the step that is left out of the momentum", between(0, 1));
  table.add("nesterov", options.nesterov, "look ahead along the momentum");
  table.add("weight_decay", options.weight_decay, "added to the gradient, times the weight", at_least(0));
  table.add("trust_coefficient", options.trust_coefficient, "how far a step may go, as a share of the weights' norm", greater_than(0));
  table.add("eps", options.eps, "added to the denominator of the ratio", at_least(0));
  table.add("trust_clip", options.trust_clip, "let the ratio shorten steps only (LARC)");
  table.add("always_adapt", options.always_adapt, "apply the ratio also where weight_decay is 0");
  table.check("nesterov", [&options] {
    const bool fits = !options.nesterov || (options.momentum > 0 && options.dampening == 0);
    return fits ? std::string() : std::string("needs momentum > 0 and dampening 0");
  });
  return table;
}

std::unique_ptr<Optimizer> make_lars(const LarsOptions& options, const std::vector<ParameterGroup>& groups) {
  return std::make_unique<FlatOptimizer>(std::make_unique<LarsRule>(options), groups);
}

void register_lars(Registry& optimizers) {
  optimizers.add<LarsOptions>("lars", "momentum descent with a rate per layer", "You et al. 2017; timm's form", make_lars);
}

}  // namespace larmor::optim
