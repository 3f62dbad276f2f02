#include "optim/sgd.h"

#include <ATen/ATen.h>

#include "optim/elementwise.h"
#include "optim/flat_optimizer.h"

namespace larmor::optim {

namespace {

class SgdRule : public Rule {
 public:
  explicit SgdRule(const SgdOptions& options) : options_(options) {}

  double lr() const override { return options_.lr; }
  double weight_decay() const override { return options_.weight_decay; }
  double momentum() const override { return options_.momentum; }
  std::vector<std::string> state_names() const override {
    return has_buffer() ? std::vector<std::string>{"momentum_buffer"} : std::vector<std::string>{};
  }

  void update(const TensorStep& step, const Chunk& chunk) const override {
    float* const w = chunk.weights;
    const float* const gradient = chunk.gradient;
    float* const buffer = chunk.state[0];
    const auto decay = static_cast<float>(step.weight_decay);
    const auto lr = static_cast<float>(step.lr);
    if (!has_buffer()) {
      for_each_element(chunk.count, streams(w, gradient), [=](int64_t i) { w[i] -= lr * (gradient[i] + decay * w[i]); });
      return;
    }
    const auto momentum = static_cast<float>(step.momentum);
    const float kept = step.step == 1 ? 0.0F : momentum;
    const float added = step.step == 1 ? 1.0F : static_cast<float>(1 - options_.dampening);
    if (options_.nesterov) {
      for_each_element(chunk.count, streams(w, gradient, buffer), [=](int64_t i) {
        const float g = gradient[i] + decay * w[i];
        const float b = kept * buffer[i] + added * g;
        buffer[i] = b;
        w[i] -= lr * (g + momentum * b);
      });
      return;
    }
    for_each_element(chunk.count, streams(w, gradient, buffer), [=](int64_t i) {
      const float b = kept * buffer[i] + added * (gradient[i] + decay * w[i]);
      buffer[i] = b;
      w[i] -= lr * b;
    });
  }

  void reference(TensorStep& step, const WholeTensor& tensor) const override {
    const at::Tensor gradient = tensor.gradient + step.weight_decay * tensor.weights;
    if (!has_buffer()) {
      tensor.weights.sub_(gradient, step.lr);
      return;
    }
    const at::Tensor& buffer = tensor.state[0];
    if (step.step == 1) {
      buffer.copy_(gradient);
    } else {
      buffer.mul_(step.momentum).add_(gradient, 1 - options_.dampening);
    }
    tensor.weights.sub_(options_.nesterov ? gradient + step.momentum * buffer : buffer, step.lr);
  }

 private:
  bool has_buffer() const { return options_.momentum > 0; }

  SgdOptions options_;
};

}  // namespace

OptionTable options_of(SgdOptions& options) {
  OptionTable table;
  table.add("lr", options.lr, "learning rate", at_least(0));
  table.add("momentum", options.momentum, "share of the last update that is kept; 0: no momentum", from_up_to(0, 1));
  table.add("dampening", options.dampening, "share of the gradient that is left out of the momentum", between(0, 1));
  table.add("nesterov", options.nesterov, "look ahead along the momentum");
  table.add("weight_decay", options.weight_decay, "added to the gradient, times the weight", at_least(0));
  table.check("nesterov", [&options] {
    const bool fits = !options.nesterov || (options.momentum > 0 && options.dampening == 0);
    return fits ? std::string() : std::string("needs momentum > 0 and dampening 0");
  });
  return table;
}

std::unique_ptr<Optimizer> make_sgd(const SgdOptions& options, const std::vector<ParameterGroup>& groups) {
  return std::make_unique<FlatOptimizer>(std::make_unique<SgdRule>(options), groups);
}

void register_sgd(Registry& optimizers) {
  optimizers.add<SgdOptions>("sgd", "gradient descent with momentum, plain or Nesterov", "Sutskever et al. 2013; PyTorch's form", make_sgd);
}

}  // namespace larmor::optim
