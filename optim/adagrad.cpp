#include "optim/adagrad.h"

#include <ATen/ATen.h>

#include <cmath>

#include "optim/elementwise.h"
#include "optim/flat_optimizer.h"

namespace larmor::optim {

namespace {

class AdagradRule : public Rule {
 public:
  explicit AdagradRule(const AdagradOptions& options) : options_(options) {}

  double lr() const override { return options_.lr; }
  double weight_decay() const override { return options_.weight_decay; }
  std::vector<std::string> state_names() const override { return {"sum"}; }

  void update(const TensorStep& step, const Chunk& chunk) const override {
    float* const w = chunk.weights;
    const float* const gradient = chunk.gradient;
    float* const sum = chunk.state[0];
    const auto eps = static_cast<float>(options_.eps);
    const auto decay = static_cast<float>(step.weight_decay);
    const auto rate = static_cast<float>(rate_of(step));
    for_each_element(chunk.count, streams(w, gradient, sum), [=](int64_t i) {
      const float g = gradient[i] + decay * w[i];
      sum[i] += g * g;
      w[i] -= rate * (g / (std::sqrt(sum[i]) + eps));
    });
  }

  void reference(TensorStep& step, const WholeTensor& tensor) const override {
    const at::Tensor gradient = tensor.gradient + step.weight_decay * tensor.weights;
    const at::Tensor& sum = tensor.state[0];
    sum.add_(at::square(gradient));
    tensor.weights.sub_(gradient / (sum.sqrt() + options_.eps), rate_of(step));
  }

 private:
  double rate_of(const TensorStep& step) const { return step.lr / (1 + static_cast<double>(step.step - 1) * options_.lr_decay); }

  AdagradOptions options_;
};

}  // namespace

OptionTable options_of(AdagradOptions& options) {
  OptionTable table;
  table.add("lr", options.lr, "learning rate", at_least(0));
  table.add("lr_decay", options.lr_decay, "how fast the rate falls with the number of steps", at_least(0));
  table.add("eps", options.eps, "added to the denominator", at_least(0));
  table.add("weight_decay", options.weight_decay, "added to the gradient, times the weight", at_least(0));
  return table;
}

std::unique_ptr<Optimizer> make_adagrad(const AdagradOptions& options, const std::vector<ParameterGroup>& groups) {
  return std::make_unique<FlatOptimizer>(std::make_unique<AdagradRule>(options), groups);
}

void register_adagrad(Registry& optimizers) {
  optimizers.add<AdagradOptions>("adagrad", "gradient over the root of its summed squares", "Duchi et al. 2011; PyTorch's form",
                                 make_adagrad);
}

}  // namespace larmor::optim
