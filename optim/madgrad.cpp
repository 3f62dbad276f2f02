#include "optim/madgrad.h"

#include <ATen/ATen.h>

#include <bit>
#include <cmath>
#include <cstdint>

#include "optim/elementwise.h"
#include "optim/flat_optimizer.h"

namespace larmor::optim {

namespace {

/// Of x >= 0, to some units in the last place; std::cbrt is a call for each element. A third of the exponent to start with (off by 4 %
/// at most), then Newton's steps.
inline float cube_root(float x) {
  constexpr uint32_t kTwoThirdsOfBias = 0x2a514067;
  constexpr float kThird = 1.0F / 3;
  float y = std::bit_cast<float>(std::bit_cast<uint32_t>(x) / 3 + kTwoThirdsOfBias);
  y = kThird * (2 * y + x / (y * y));
  y = kThird * (2 * y + x / (y * y));
  y = kThird * (2 * y + x / (y * y));
  return x > 0 ? y : 0;
}

class MadgradRule : public Rule {
 public:
  explicit MadgradRule(const MadgradOptions& options) : options_(options) {}

  double lr() const override { return options_.lr; }
  double weight_decay() const override { return options_.weight_decay; }
  double momentum() const override { return options_.momentum; }
  std::vector<std::string> state_names() const override { return {"grad_sum", "grad_sum_sq", "start"}; }

  void update(const TensorStep& step, const Chunk& chunk) const override {
    float* const w = chunk.weights;
    const float* const gradient = chunk.gradient;
    float* const sum = chunk.state[0];
    float* const squares = chunk.state[1];
    float* const start = chunk.state[2];
    const bool is_first = step.step == 1;
    const auto decay = static_cast<float>(step.weight_decay);
    const auto rate = static_cast<float>(rate_of(step));
    const auto eps = static_cast<float>(options_.eps);
    const auto share = static_cast<float>(1 - step.momentum);
    for_each_element(chunk.count, streams(w, gradient, sum, squares, start), [=](int64_t i) {
      const float g = gradient[i] + decay * w[i];
      const float origin = is_first ? w[i] : start[i];
      start[i] = origin;
      sum[i] += rate * g;
      squares[i] += rate * g * g;
      w[i] += share * (origin - sum[i] / (cube_root(squares[i]) + eps) - w[i]);
    });
  }

  void reference(TensorStep& step, const WholeTensor& tensor) const override {
    const at::Tensor &sum = tensor.state[0], &squares = tensor.state[1], &start = tensor.state[2];
    if (step.step == 1) start.copy_(tensor.weights);
    const at::Tensor gradient = tensor.gradient + step.weight_decay * tensor.weights;
    sum.add_(gradient, rate_of(step));
    squares.addcmul_(gradient, gradient, rate_of(step));
    const at::Tensor target = start - sum / (squares.pow(1.0 / 3) + options_.eps);
    tensor.weights.add_(target - tensor.weights, 1 - step.momentum);
  }

 private:
  double rate_of(const TensorStep& step) const {
    return step.lr == 0 ? 0 : (step.lr + options_.eps) * std::sqrt(static_cast<double>(step.step));
  }

  MadgradOptions options_;
};

}  // namespace

OptionTable options_of(MadgradOptions& options) {
  OptionTable table;
  table.add("lr", options.lr, "learning rate", at_least(0));
  table.add("momentum", options.momentum, "share of the weights that stays in a step", from_up_to(0, 1));
  table.add("eps", options.eps, "added to the denominator and to the rate", greater_than(0));
  table.add("weight_decay", options.weight_decay, "weight decay", at_least(0));
  return table;
}

std::unique_ptr<Optimizer> make_madgrad(const MadgradOptions& options, const std::vector<ParameterGroup>& groups) {
  return std::make_unique<FlatOptimizer>(std::make_unique<MadgradRule>(options), groups);
}

void register_madgrad(Registry& optimizers) {
  optimizers.add<MadgradOptions>("madgrad", "dual averaging with cube roots of summed squares", "Defazio & Jelassi 2021", make_madgrad);
}

}  // namespace larmor::optim
