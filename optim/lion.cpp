#include "optim/lion.h"

#include <ATen/ATen.h>

#include "optim/elementwise.h"
#include "optim/flat_optimizer.h"
#include "optim/moments.h"

namespace larmor::optim {

namespace {

class LionRule : public Rule {
 public:
  explicit LionRule(const LionOptions& options) : options_(options) {}

  double lr() const override { return options_.lr; }
  double weight_decay() const override { return options_.weight_decay; }
  double momentum() const override { return options_.betas[0]; }
  std::vector<std::string> state_names() const override { return {"exp_avg"}; }

  void update(const TensorStep& step, const Chunk& chunk) const override {
    float* const w = chunk.weights;
    const float* const g = chunk.gradient;
    float* const m = chunk.state[0];
    const auto beta1 = static_cast<float>(step.momentum);
    const auto rest1 = static_cast<float>(1 - step.momentum);
    const auto beta2 = static_cast<float>(options_.betas[1]);
    const auto rest2 = static_cast<float>(1 - options_.betas[1]);
    const auto decay = static_cast<float>(step.lr * step.weight_decay);
    const auto lr = static_cast<float>(step.lr);
    for_each_element(chunk.count, streams(w, g, m), [=](int64_t i) {
      const float direction = beta1 * m[i] + rest1 * g[i];
      const float sign = (direction > 0 ? 1.0F : 0.0F) - (direction < 0 ? 1.0F : 0.0F);
      w[i] = w[i] - decay * w[i] - lr * sign;
      m[i] = beta2 * m[i] + rest2 * g[i];
    });
  }

  void reference(TensorStep& step, const WholeTensor& tensor) const override {
    const at::Tensor& mean = tensor.state[0];
    const at::Tensor direction = mean * step.momentum + tensor.gradient * (1 - step.momentum);
    tensor.weights.sub_(tensor.weights, step.lr * step.weight_decay).sub_(direction.sign(), step.lr);
    mean.mul_(options_.betas[1]).add_(tensor.gradient, 1 - options_.betas[1]);
  }

 private:
  LionOptions options_;
};

}  // namespace

OptionTable options_of(LionOptions& options) {
  OptionTable table;
  table.add("lr", options.lr, "learning rate", at_least(0));
  add_betas(table, options.betas, 2, "weight of the mean in the direction, and its decay rate");
  table.add("weight_decay", options.weight_decay, "weight decay", at_least(0));
  return table;
}

std::unique_ptr<Optimizer> make_lion(const LionOptions& options, const std::vector<ParameterGroup>& groups) {
  return std::make_unique<FlatOptimizer>(std::make_unique<LionRule>(options), groups);
}

void register_lion(Registry& optimizers) {
  optimizers.add<LionOptions>("lion", "the sign of a mean gradient", "Chen et al. 2023", make_lion);
}

}  // namespace larmor::optim
