#include "optim/slow_weights.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include "core/error.h"
#include "optim/chunks.h"
#include "optim/elementwise.h"
#include "optim/flat_optimizer.h"
#include "optim/state.h"

namespace larmor::optim {

namespace {

class SlowWeightOptimizer : public Optimizer {
 public:
  SlowWeightOptimizer(std::unique_ptr<FlatOptimizer> inner, const SlowWeightOptions& options)
      : inner_(std::move(inner)), period_(options.k), alpha_(options.alpha), is_eager_(options.start == "eager") {
    for (const FlatGroup& group : inner_->groups()) slow_.push_back(group.parameters.make_buffer());
  }

  void step(double lr) override {
    const c10::NoGradGuard no_gradients;
    const std::vector<SegmentIndex> stepped = inner_->segments_with_gradient();
    if (is_eager_) start_at(stepped, 0);
    inner_->step(lr);
    if (!is_eager_) start_at(stepped, period_);
    synchronise(stepped);
  }

  void zero_grad() override { inner_->zero_grad(); }
  void set_momentum(double momentum) override { inner_->set_momentum(momentum); }
  double gradient_norm() override { return inner_->gradient_norm(); }
  void scale_gradients(double factor) override { inner_->scale_gradients(factor); }
  void clamp_gradients(double limit) override { inner_->clamp_gradients(limit); }
  double default_lr() const override { return inner_->default_lr(); }
  void use_kernels(const std::shared_ptr<DeviceKernels>& kernels) override {
    kernels_ = kernels;
    inner_->use_kernels(kernels);
  }

  NamedTensors state() const override {
    NamedTensors all = inner_->state();
    for (const auto& [name, slow] : slow_views()) all.emplace_back("slow/" + name, slow.clone(at::MemoryFormat::Contiguous));
    return all;
  }

  void load_state(const NamedTensors& state, const std::string& source) override {
    NamedTensors inner;
    NamedTensors slow;
    for (const auto& [name, tensor] : state) {
      if (name.starts_with("slow/")) {
        slow.emplace_back(name.substr(5), tensor);
      } else {
        inner.emplace_back(name, tensor);
      }
    }
    const NamedTensors views = slow_views();
    check_state(views, slow, source + ": slow weights");
    inner_->load_state(inner, source);
    copy_state(slow, views);
  }

  /// Where a tensor has none yet, the slow weights are the weights.
  NamedTensors slow_weights() const override {
    NamedTensors all;
    for (size_t g = 0; g < slow_.size(); ++g) {
      const FlatGroup& group = inner_->groups()[g];
      for (size_t s = 0; s < group.steps.size(); ++s) {
        const Segment& segment = group.parameters.segments()[s];
        const bool has_begun = group.steps[s] >= (is_eager_ ? 1 : period_);
        const at::Tensor& buffer = has_begun ? slow_[g] : group.parameters.weights();
        all.emplace_back(segment.name, group.parameters.view(buffer, segment).clone(at::MemoryFormat::Contiguous));
      }
    }
    return all;
  }

 private:
  NamedTensors slow_views() const {
    NamedTensors all;
    for (size_t g = 0; g < slow_.size(); ++g) {
      const FlatParameters& parameters = inner_->groups()[g].parameters;
      for (const Segment& segment : parameters.segments()) all.emplace_back(segment.name, parameters.view(slow_[g], segment));
    }
    return all;
  }

  /// Slow weights begin as a copy of the weights of tensors that have had this many updates.
  void start_at(const std::vector<SegmentIndex>& stepped, int64_t updates) {
    for (const auto& [g, s] : stepped) {
      const FlatGroup& group = inner_->groups()[g];
      if (group.steps[s] != updates) continue;
      const Segment& segment = group.parameters.segments()[s];
      group.parameters.view(slow_[g], segment).copy_(group.parameters.view(group.parameters.weights(), segment));
    }
  }

  void synchronise(const std::vector<SegmentIndex>& stepped) {
    std::vector<SegmentIndex> due;
    std::vector<const Segment*> segments;
    std::vector<DeviceTensor> served;
    for (const SegmentIndex& index : stepped) {
      const FlatGroup& group = inner_->groups()[index.group];
      if (group.steps[index.segment] % period_ != 0) continue;
      const Segment& segment = group.parameters.segments()[index.segment];
      if (inner_->is_served(group)) {
        served.push_back(device_tensor(index));
      } else if (group.parameters.is_cpu_float()) {
        due.push_back(index);
        segments.push_back(&segment);
      } else {
        synchronise_reference(group.parameters.view(group.parameters.weights(), segment),
                              group.parameters.view(slow_[index.group], segment));
      }
    }
    if (!served.empty()) kernels_->synchronise(served, alpha_);
    for_each_piece(cut(segments, false), [&](const Piece& piece, size_t) {
      const size_t g = due[piece.item].group;
      const int64_t place = segments[piece.item]->offset + piece.begin;
      synchronise_fast(inner_->groups()[g].parameters.weights().data_ptr<float>() + place, slow_[g].data_ptr<float>() + place,
                       piece.end - piece.begin);
    });
  }

  DeviceTensor device_tensor(const SegmentIndex& index) const {
    const FlatParameters& parameters = inner_->groups()[index.group].parameters;
    const Segment& segment = parameters.segments()[index.segment];
    DeviceTensor tensor;
    tensor.count = segment.count;
    tensor.weights = parameters.weights().data_ptr<float>() + segment.offset;
    tensor.slow = slow_[index.group].data_ptr<float>() + segment.offset;
    return tensor;
  }

  void synchronise_reference(const at::Tensor& weights, const at::Tensor& slow) const {
    slow.add_(weights - slow, alpha_);
    weights.copy_(slow);
  }

  void synchronise_fast(float* weights, float* slow, int64_t count) const {
    const auto alpha = static_cast<float>(alpha_);
    for_each_element(count, streams(weights, slow), [=](int64_t i) {
      const float s = slow[i] + alpha * (weights[i] - slow[i]);
      slow[i] = s;
      weights[i] = s;
    });
  }

  std::unique_ptr<FlatOptimizer> inner_;
  std::shared_ptr<DeviceKernels> kernels_;
  std::vector<at::Tensor> slow_;  ///< one buffer per group
  int64_t period_;
  double alpha_;
  bool is_eager_;
};

}  // namespace

void add_slow_weight_options(OptionTable& table, SlowWeightOptions& options) {
  table.add("k", options.k, "updates between two meetings with the slow weights", at_least(1));
  table.add("alpha", options.alpha, "how far the slow weights go towards the fast ones", between(0, 1));
}

std::unique_ptr<Optimizer> add_slow_weights(std::unique_ptr<Optimizer> inner, const SlowWeightOptions& options) {
  auto* const flat = dynamic_cast<FlatOptimizer*>(inner.get());
  if (flat == nullptr) throw_usage_error("this optimizer keeps slow weights already; lookahead needs one that does not");
  static_cast<void>(inner.release());  // flat owns it now
  return std::make_unique<SlowWeightOptimizer>(std::unique_ptr<FlatOptimizer>(flat), options);
}

}  // namespace larmor::optim
