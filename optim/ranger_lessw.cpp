#include "optim/ranger_lessw.h"

#include <ATen/ATen.h>

#include <cmath>

#include "optim/elementwise.h"
#include "optim/flat_optimizer.h"

namespace larmor::optim {

namespace {

/// Subtracts from each filter its mean.
void centralise(const at::Tensor& tensor) {
  std::vector<int64_t> dimensions;
  for (int64_t d = 1; d < tensor.dim(); ++d) dimensions.push_back(d);
  tensor.sub_(tensor.mean(dimensions, true));
}

class CentralisedRadamRule : public MomentRule {
 public:
  explicit CentralisedRadamRule(const RangerLesswOptions& options)
      : MomentRule(options.moments),
        least_dimensions_(options.gc == "off"    ? std::numeric_limits<int64_t>::max()
                          : options.gc == "conv" ? 4
                                                 : 2),
        centralises_update_(options.centralise == "update"),
        decays_update_(options.decay == "update") {}

  bool needs_whole_filters() const override { return true; }

  void update(const TensorStep& step, const Chunk& chunk) const override {
    const int64_t run = is_centralised(step) ? step.filter : chunk.count;
    for (int64_t begin = 0; begin < chunk.count; begin += run) update_filter(step, part_of(chunk, begin, run));
  }

  void reference(TensorStep& step, const WholeTensor& tensor) const override {
    const at::Tensor gradient = tensor.gradient.clone();
    if (is_centralised(step) && !centralises_update_) centralise(gradient);
    const at::Tensor& mean = tensor.state[0];
    update_moments(mean, tensor.state[1], gradient, step.momentum, beta2());
    const Rectification rectification = rectify(step.step, step.momentum, beta2());
    const at::Tensor direction = rectification.is_adaptive ? mean / (tensor.state[1].sqrt() + eps()) : mean;
    if (decays_update_) direction.add_(tensor.weights, step.weight_decay);
    if (is_centralised(step) && centralises_update_) centralise(direction);
    tensor.weights.sub_(tensor.weights, decay_of(step)).sub_(direction, step.lr * rectification.factor);
  }

 private:
  bool is_centralised(const TensorStep& step) const { return step.dimensions >= least_dimensions_; }
  double decay_of(const TensorStep& step) const { return decays_update_ ? 0 : step.lr * step.weight_decay; }

  static Chunk part_of(const Chunk& chunk, int64_t begin, int64_t count) {
    Chunk part;
    part.count = count;
    part.weights = chunk.weights + begin;
    part.gradient = chunk.gradient + begin;
    part.state = {chunk.state[0] + begin, chunk.state[1] + begin};
    return part;
  }

  static float mean_of(const float* values, int64_t count) {
    const auto sum = sum_over_elements<1>(count, streams(), [=](int64_t i) { return std::array<float, 1>{values[i]}; });
    return static_cast<float>(sum[0] / static_cast<double>(count));
  }

  /// One filter, or any run of elements of a tensor that is not centralised.
  void update_filter(const TensorStep& step, const Chunk& filter) const {
    float* const w = filter.weights;
    float* const m = filter.state[0];
    float* const v = filter.state[1];
    const auto eps = static_cast<float>(this->eps());
    const auto added = static_cast<float>(decays_update_ ? step.weight_decay : 0);
    if (rectify(step.step, step.momentum, beta2()).is_adaptive) {
      const auto direction = [=](int64_t i) { return m[i] / (std::sqrt(v[i]) + eps) + added * w[i]; };
      step_along(step, filter, direction, [=](int64_t i, float mean) { return direction(i) - mean; });
      return;
    }
    const auto direction = [=](int64_t i) { return m[i] += added * w[i]; };
    step_along(step, filter, direction, [=](int64_t i, float mean) { return m[i] -= mean; });
  }

  /// `direction` is asked once for each element, after its moments; `centred` when the mean of all directions is known.
  template <class Direction, class Centred>
  void step_along(const TensorStep& step, const Chunk& filter, const Direction& direction, const Centred& centred) const {
    float* const w = filter.weights;
    const float* const gradient = filter.gradient;
    float* const m = filter.state[0];
    float* const v = filter.state[1];
    const float gradient_mean = is_centralised(step) && !centralises_update_ ? mean_of(gradient, filter.count) : 0;
    const auto beta1 = static_cast<float>(step.momentum);
    const auto rest1 = static_cast<float>(1 - step.momentum);
    const auto beta2 = static_cast<float>(this->beta2());
    const auto rest2 = static_cast<float>(1 - this->beta2());
    const auto update_moments_at = [=](int64_t i) {
      const float g = gradient[i] - gradient_mean;
      m[i] = beta1 * m[i] + rest1 * g;
      v[i] = beta2 * v[i] + rest2 * g * g;
    };
    const auto decay = static_cast<float>(decay_of(step));
    const auto rate = static_cast<float>(step.lr * rectify(step.step, step.momentum, this->beta2()).factor);
    if (!is_centralised(step) || !centralises_update_) {
      for_each_element(filter.count, streams(w, gradient, m, v), [=](int64_t i) {
        update_moments_at(i);
        w[i] = w[i] - decay * w[i] - rate * direction(i);
      });
      return;
    }
    const auto sum = sum_over_elements<1>(filter.count, streams(w, gradient, m, v), [=](int64_t i) {
      update_moments_at(i);
      return std::array<float, 1>{direction(i)};
    });
    const auto mean = static_cast<float>(sum[0] / static_cast<double>(filter.count));
    for_each_element(filter.count, streams(), [=](int64_t i) { w[i] = w[i] - decay * w[i] - rate * centred(i, mean); });
  }

  int64_t least_dimensions_;
  bool centralises_update_;
  bool decays_update_;
};

}  // namespace

OptionTable options_of(RangerLesswOptions& options) {
  OptionTable table;
  add_moment_options(table, options.moments);
  add_slow_weight_options(table, options.slow);
  table.add("gc", options.gc, "which tensors are centralised: two and more dimensions, four and more, none", {"all", "conv", "off"});
  table.add("centralise", options.centralise, "what is centralised", {"gradient", "update"});
  table.add("decay", options.decay, "where weight_decay acts: on the weights, or inside the update", {"weights", "update"});
  table.check("centralise", [&options] {
    const bool fits = options.centralise == "gradient" || options.decay == "update";
    return fits ? std::string() : std::string("update needs decay: update");
  });
  return table;
}

std::unique_ptr<Optimizer> make_ranger_lessw(const RangerLesswOptions& options, const std::vector<ParameterGroup>& groups) {
  return add_slow_weights(std::make_unique<FlatOptimizer>(std::make_unique<CentralisedRadamRule>(options), groups), options.slow);
}

void register_ranger_lessw(Registry& optimizers) {
  optimizers.add<RangerLesswOptions>("ranger_lessw", "Ranger with gradient centralisation",
                                     "github lessw2020/Ranger-Deep-Learning-Optimizer", make_ranger_lessw);
}

}  // namespace larmor::optim
