#include "optim/rmsprop.h"

#include <ATen/ATen.h>

#include <cmath>

#include "optim/elementwise.h"
#include "optim/flat_optimizer.h"

namespace larmor::optim {

namespace {

class RmspropRule : public Rule {
 public:
  explicit RmspropRule(const RmspropOptions& options) : options_(options) {}

  double lr() const override { return options_.lr; }
  double weight_decay() const override { return options_.weight_decay; }
  double momentum() const override { return options_.momentum; }
  std::vector<std::string> state_names() const override {
    std::vector<std::string> names = {"square_avg"};
    if (has_buffer()) names.emplace_back("momentum_buffer");
    if (options_.centered) names.emplace_back("grad_avg");
    return names;
  }

  void update(const TensorStep& step, const Chunk& chunk) const override {
    float* const w = chunk.weights;
    const float* const gradient = chunk.gradient;
    float* const v = chunk.state[0];
    float* const buffer = has_buffer() ? chunk.state[1] : nullptr;
    float* const mean = options_.centered ? chunk.state[has_buffer() ? 2 : 1] : nullptr;
    const auto alpha = static_cast<float>(options_.alpha);
    const auto rest = static_cast<float>(1 - options_.alpha);
    const auto eps = static_cast<float>(options_.eps);
    const auto decay = static_cast<float>(step.weight_decay);
    const auto momentum = static_cast<float>(step.momentum);
    const auto lr = static_cast<float>(step.lr);
    const auto run = [&](auto direction_of) {
      if (buffer == nullptr) {
        for_each_element(chunk.count, streams(w, gradient, v), [=](int64_t i) { w[i] -= lr * direction_of(i); });
        return;
      }
      for_each_element(chunk.count, streams(w, gradient, v, buffer), [=](int64_t i) {
        buffer[i] = momentum * buffer[i] + direction_of(i);
        w[i] -= lr * buffer[i];
      });
    };
    if (mean == nullptr) {
      run([=](int64_t i) {
        const float g = gradient[i] + decay * w[i];
        v[i] = alpha * v[i] + rest * g * g;
        return g / (std::sqrt(v[i]) + eps);
      });
      return;
    }
    run([=](int64_t i) {
      const float g = gradient[i] + decay * w[i];
      v[i] = alpha * v[i] + rest * g * g;
      mean[i] = alpha * mean[i] + rest * g;
      return g / (std::sqrt(v[i] - mean[i] * mean[i]) + eps);
    });
  }

  void reference(TensorStep& step, const WholeTensor& tensor) const override {
    const at::Tensor gradient = tensor.gradient + step.weight_decay * tensor.weights;
    const at::Tensor& square = tensor.state[0];
    square.mul_(options_.alpha).addcmul_(gradient, gradient, 1 - options_.alpha);
    at::Tensor variance = square;
    if (options_.centered) {
      const at::Tensor& mean = tensor.state.back();
      mean.mul_(options_.alpha).add_(gradient, 1 - options_.alpha);
      variance = square - mean * mean;
    }
    const at::Tensor direction = gradient / (variance.sqrt() + options_.eps);
    if (!has_buffer()) {
      tensor.weights.sub_(direction, step.lr);
      return;
    }
    tensor.weights.sub_(tensor.state[1].mul_(step.momentum).add_(direction), step.lr);
  }

 private:
  bool has_buffer() const { return options_.momentum > 0; }

  RmspropOptions options_;
};

}  // namespace

OptionTable options_of(RmspropOptions& options) {
  OptionTable table;
  table.add("lr", options.lr, "learning rate", at_least(0));
  table.add("alpha", options.alpha, "decay rate of the running mean of the gradient's square", from_up_to(0, 1));
  table.add("eps", options.eps, "added to the denominator", at_least(0));
  table.add("momentum", options.momentum, "share of the last update that is kept; 0: no momentum", from_up_to(0, 1));
  table.add("centered", options.centered, "divide by the standard deviation instead of the root mean square");
  table.add("weight_decay", options.weight_decay, "added to the gradient, times the weight", at_least(0));
  return table;
}

std::unique_ptr<Optimizer> make_rmsprop(const RmspropOptions& options, const std::vector<ParameterGroup>& groups) {
  return std::make_unique<FlatOptimizer>(std::make_unique<RmspropRule>(options), groups);
}

void register_rmsprop(Registry& optimizers) {
  optimizers.add<RmspropOptions>("rmsprop", "gradient over its root mean square", "Hinton, lecture 6a, 2012; PyTorch's form", make_rmsprop);
}

}  // namespace larmor::optim
