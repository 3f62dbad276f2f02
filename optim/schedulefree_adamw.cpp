#include "optim/schedulefree_adamw.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "optim/elementwise.h"
#include "optim/flat_optimizer.h"

namespace larmor::optim {

namespace {

constexpr size_t kLargestRate = 0, kWeightSum = 1;  // of the scalars

class SchedulefreeAdamwRule : public MomentRule {
 public:
  explicit SchedulefreeAdamwRule(const SchedulefreeAdamwOptions& options) : MomentRule(options), options_(options) {}

  double momentum() const override { return std::numeric_limits<double>::quiet_NaN(); }
  std::vector<std::string> state_names() const override { return {"z", "exp_avg_sq"}; }
  std::vector<std::string> scalar_names() const override { return {"lr_max", "weight_sum"}; }

  void prepare(TensorStep& step) const override {
    step.scalars[kLargestRate] = std::max(step.scalars[kLargestRate], rate_of(step));
    step.scalars[kWeightSum] += weight_of(step);
  }

  void update(const TensorStep& step, const Chunk& chunk) const override {
    float* const y = chunk.weights;
    const float* const g = chunk.gradient;
    float* const z = chunk.state[0];
    float* const v = chunk.state[1];
    const bool is_first = step.step == 1;
    const auto beta2 = static_cast<float>(this->beta2());
    const auto rest2 = static_cast<float>(1 - this->beta2());
    const auto root = static_cast<float>(std::sqrt(bias_correction(this->beta2(), step.step)));
    const auto eps = static_cast<float>(this->eps());
    const auto decay = static_cast<float>(step.weight_decay);
    const auto share = static_cast<float>(share_of(step));
    const auto rate = static_cast<float>(rate_of(step));
    const auto pull = static_cast<float>(rate_of(step) * pull_of(step));
    for_each_element(chunk.count, streams(y, g, z, v), [=](int64_t i) {
      const float fast = is_first ? y[i] : z[i];
      v[i] = beta2 * v[i] + rest2 * g[i] * g[i];
      const float u = g[i] / (std::sqrt(v[i]) / root + eps) + decay * y[i];
      y[i] = y[i] + share * (fast - y[i]) - pull * u;
      z[i] = fast - rate * u;
    });
  }

  void reference(TensorStep& step, const WholeTensor& tensor) const override {
    const at::Tensor &y = tensor.weights, &z = tensor.state[0], &v = tensor.state[1];
    if (step.step == 1) z.copy_(y);
    v.mul_(beta2()).addcmul_(tensor.gradient, tensor.gradient, 1 - beta2());
    const at::Tensor u = tensor.gradient / ((v / bias_correction(beta2(), step.step)).sqrt() + eps()) + step.weight_decay * y;
    y.add_(z - y, share_of(step)).sub_(u, rate_of(step) * pull_of(step));
    z.sub_(u, rate_of(step));
  }

  bool has_average() const override { return true; }
  at::Tensor average(const WholeTensor& tensor) const override {
    const double beta1 = options_.betas[0];
    return tensor.weights + (1 - 1 / beta1) * (tensor.state[0] - tensor.weights);
  }

 private:
  double rate_of(const TensorStep& step) const {
    if (step.step >= options_.warmup_steps) return step.lr;
    return step.lr * static_cast<double>(step.step) / static_cast<double>(options_.warmup_steps);
  }
  double weight_of(const TensorStep& step) const {
    return std::pow(static_cast<double>(step.step), options_.r) * std::pow(step.scalars[kLargestRate], options_.weight_lr_power);
  }
  /// Of the newest point in the average.
  double share_of(const TensorStep& step) const {
    const double sum = step.scalars[kWeightSum];
    return sum == 0 ? 0 : weight_of(step) / sum;
  }
  /// How far y follows z's step.
  double pull_of(const TensorStep& step) const { return 1 - options_.betas[0] * (1 - share_of(step)); }

  SchedulefreeAdamwOptions options_;
};

}  // namespace

OptionTable options_of(SchedulefreeAdamwOptions& options) {
  OptionTable table;
  add_moment_options(table, options);
  table.add("warmup_steps", options.warmup_steps, "steps in which the rate grows to lr", at_least(0));
  table.add("r", options.r, "power of the step in the weight of a point", at_least(0));
  table.add("weight_lr_power", options.weight_lr_power, "power of the largest rate so far in the weight of a point", at_least(0));
  table.check("betas", [&options] { return options.betas[0] > 0 ? "" : "the first must be > 0: without it there is no average"; });
  return table;
}

std::unique_ptr<Optimizer> make_schedulefree_adamw(const SchedulefreeAdamwOptions& options, const std::vector<ParameterGroup>& groups) {
  return std::make_unique<FlatOptimizer>(std::make_unique<SchedulefreeAdamwRule>(options), groups);
}

void register_schedulefree_adamw(Registry& optimizers) {
  optimizers.add<SchedulefreeAdamwOptions>("schedulefree_adamw", "AdamW that averages its weights in place of a schedule",
                                           "Defazio et al. 2024", make_schedulefree_adamw);
}

}  // namespace larmor::optim
