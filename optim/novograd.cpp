#include "optim/novograd.h"

#include <ATen/ATen.h>

#include <cmath>

#include "optim/elementwise.h"
#include "optim/flat_optimizer.h"

namespace larmor::optim {

namespace {

class NovogradRule : public MomentRule {
 public:
  explicit NovogradRule(const NovogradOptions& options) : MomentRule(options), grad_averaging_(options.grad_averaging) {}

  std::vector<std::string> state_names() const override { return {"exp_avg"}; }
  std::vector<std::string> scalar_names() const override { return {"exp_avg_sq"}; }
  bool two_passes() const override { return true; }

  Sums first_pass(const TensorStep&, const Chunk& chunk) const override {
    const float* const g = chunk.gradient;
    const auto sum = sum_over_elements<1>(chunk.count, streams(g), [=](int64_t i) { return std::array<float, 1>{g[i] * g[i]}; });
    return {sum[0], 0};
  }

  void between(TensorStep& step) const override {
    double& square = step.scalars[0];
    square = square == 0 ? step.sums[0] : beta2() * square + (1 - beta2()) * step.sums[0];
  }

  void update(const TensorStep& step, const Chunk& chunk) const override {
    float* const w = chunk.weights;
    const float* const g = chunk.gradient;
    float* const m = chunk.state[0];
    const auto beta1 = static_cast<float>(step.momentum);
    const auto denominator = static_cast<float>(std::sqrt(step.scalars[0]) + eps());
    const auto decay = static_cast<float>(step.weight_decay);
    const auto share = static_cast<float>(added_share(step));
    const auto lr = static_cast<float>(step.lr);
    for_each_element(chunk.count, streams(w, m), [=](int64_t i) {
      m[i] = beta1 * m[i] + share * (g[i] / denominator + decay * w[i]);
      w[i] -= lr * m[i];
    });
  }

  void reference(TensorStep& step, const WholeTensor& tensor) const override {
    step.sums[0] = at::square(tensor.gradient).sum().item<double>();
    between(step);
    const at::Tensor direction = tensor.gradient / (std::sqrt(step.scalars[0]) + eps()) + step.weight_decay * tensor.weights;
    tensor.state[0].mul_(step.momentum).add_(direction, added_share(step));
    tensor.weights.sub_(tensor.state[0], step.lr);
  }

 private:
  double added_share(const TensorStep& step) const { return grad_averaging_ ? 1 - step.momentum : 1; }

  bool grad_averaging_;
};

}  // namespace

OptionTable options_of(NovogradOptions& options) {
  OptionTable table;
  add_moment_options(table, options);
  table.add("grad_averaging", options.grad_averaging, "weigh the new gradient by 1 - beta1");
  return table;
}

std::unique_ptr<Optimizer> make_novograd(const NovogradOptions& options, const std::vector<ParameterGroup>& groups) {
  return std::make_unique<FlatOptimizer>(std::make_unique<NovogradRule>(options), groups);
}

void register_novograd(Registry& optimizers) {
  optimizers.add<NovogradOptions>("novograd", "momentum of gradients normalised per layer", "Ginsburg et al. 2019", make_novograd);
}

}  // namespace larmor::optim
