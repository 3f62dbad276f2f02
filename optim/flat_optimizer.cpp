#include "optim/flat_optimizer.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>

#include "core/error.h"
#include "core/parallel.h"
#include "optim/chunks.h"
#include "optim/elementwise.h"
#include "optim/state.h"
#include "optim/two_passes.h"

namespace larmor::optim {

namespace {

at::Tensor number(double value) { return at::full({}, value, at::kDouble); }
at::Tensor number(int64_t value) { return at::full({}, value, at::kLong); }

/// A sum that does not depend on the order of its terms.
double sum_in_any_order(std::vector<double> terms) {
  std::sort(terms.begin(), terms.end());
  double sum = 0;
  for (const double term : terms) sum += term;
  return sum;
}

/// Without its gradient.
WholeTensor whole(const FlatGroup& group, const Segment& segment) {
  WholeTensor tensor{group.parameters.view(group.parameters.weights(), segment), {}, {}};
  for (const at::Tensor& buffer : group.state) tensor.state.push_back(group.parameters.view(buffer, segment));
  return tensor;
}

double sum_of_squares(const float* values, int64_t count) {
  return sum_over_elements<1>(count, streams(values), [=](int64_t i) { return std::array<float, 1>{values[i] * values[i]}; })[0];
}

DeviceTensor gradient_of(const Segment& segment) {
  DeviceTensor tensor;
  tensor.count = segment.count;
  tensor.gradient = segment.parameter.grad().data_ptr<float>();
  return tensor;
}

/// Moves the items that fit out of `items`; both keep their order.
template <class Item, class Fits>
std::vector<Item> take_out(std::vector<Item>& items, const Fits& fits) {
  const auto rest = std::stable_partition(items.begin(), items.end(), [&](const Item& item) { return !fits(item); });
  std::vector<Item> taken(std::make_move_iterator(rest), std::make_move_iterator(items.end()));
  items.erase(rest, items.end());
  return taken;
}

}  // namespace

struct FlatOptimizer::Task {
  const FlatGroup* group = nullptr;
  const Segment* segment = nullptr;
  at::Tensor gradient;
  TensorStep step;
  std::optional<DeviceStep> on_device;

  Chunk chunk(const Piece& piece, float* scratch = nullptr) const {
    const int64_t place = segment->offset + piece.begin;
    Chunk part;
    part.count = piece.end - piece.begin;
    part.scratch = scratch;
    part.weights = group->parameters.weights().data_ptr<float>() + place;
    part.gradient = gradient.const_data_ptr<float>() + piece.begin;
    for (size_t k = 0; k < group->state.size(); ++k) part.state[k] = group->state[k].data_ptr<float>() + place;
    return part;
  }

  DeviceTensor device_tensor() const {
    const Chunk whole = chunk({0, 0, segment->count, 0});
    DeviceTensor tensor;
    tensor.count = whole.count;
    tensor.weights = whole.weights;
    tensor.gradient = gradient.data_ptr<float>();
    tensor.mean = whole.state[0];
    tensor.mean_square = whole.state[1];
    tensor.coefficients = on_device->coefficients;
    return tensor;
  }

  static std::vector<Piece> cut(std::span<const Task> tasks, bool whole_filters) {
    std::vector<const Segment*> segments;
    for (const Task& task : tasks) segments.push_back(task.segment);
    return optim::cut(segments, whole_filters);
  }
};

FlatOptimizer::FlatOptimizer(std::unique_ptr<const Rule> rule, const std::vector<ParameterGroup>& groups) : rule_(std::move(rule)) {
  for (const ParameterGroup& group : groups) {
    if (group.parameters.empty()) continue;
    FlatGroup flat{FlatParameters(group.parameters), group.lr_factor, group.weight_decay.value_or(rule_->weight_decay()), {}, {}, {}};
    const size_t segments = flat.parameters.segments().size();
    for (size_t k = 0; k < rule_->state_names().size(); ++k) flat.state.push_back(flat.parameters.make_buffer());
    flat.steps.assign(segments, 0);
    flat.scalars.assign(segments, std::vector<double>(rule_->scalar_names().size(), rule_->scalar_start()));
    groups_.push_back(std::move(flat));
  }
}

void FlatOptimizer::step(double lr) {
  const c10::NoGradGuard no_gradients;
  std::vector<Task> tasks = make_tasks(lr);
  const std::vector<Task> fused = take_out(tasks, [&](const Task& task) { return task.on_device && is_served(*task.group); });
  std::vector<Task> matrices =
      take_out(tasks, [&](const Task& task) { return !rule_->has_chunks() && task.group->parameters.weights().is_cpu(); });
  std::vector<Task> slow =
      take_out(tasks, [&](const Task& task) { return !rule_->has_chunks() || !task.group->parameters.is_cpu_float(); });
  run_fast(tasks);
  run_on_device(fused);
  run_by_tensor(matrices);
  run_reference(slow);
}

bool FlatOptimizer::is_served(const FlatGroup& group) const {
  const at::Tensor& weights = group.parameters.weights();
  return kernels_ && kernels_->serves(weights.device()) && weights.scalar_type() == at::kFloat;
}

std::vector<FlatOptimizer::Task> FlatOptimizer::make_tasks(double lr) {
  const double limit = rule_->gradient_limit();
  const double gradient_scale = limit > 0 ? 1 / std::max(1.0, gradient_norm() / limit) : 1;
  std::vector<Task> tasks;
  for (FlatGroup& group : groups_) {
    for (const size_t i : group.parameters.segments_with_gradient()) {
      const Segment& segment = group.parameters.segments()[i];
      Task task{&group, &segment, segment.parameter.grad(), {}, {}};
      task.step.step = ++group.steps[i];
      task.step.lr = lr * group.lr_factor;
      task.step.weight_decay = group.weight_decay;
      task.step.momentum = std::isnan(momentum_) ? rule_->momentum() : momentum_;
      task.step.gradient_scale = gradient_scale;
      task.step.dimensions = segment.parameter.dim();
      task.step.filter = segment.filter;
      task.step.scalars = group.scalars[i].data();
      rule_->prepare(task.step);
      if (kernels_ && gradient_scale == 1) task.on_device = rule_->device_step(task.step);
      tasks.push_back(std::move(task));
    }
  }
  return tasks;
}

void FlatOptimizer::run_fast(std::vector<Task>& tasks) {
  if (rule_->two_passes()) {
    run_two_passes(tasks);
  } else {
    run_one_pass(tasks);
  }
}

void FlatOptimizer::run_one_pass(const std::vector<Task>& tasks) {
  const std::vector<Piece> pieces = Task::cut(tasks, rule_->needs_whole_filters());
  for_each_piece(pieces, [&](const Piece& piece, size_t) { rule_->update(tasks[piece.item].step, tasks[piece.item].chunk(piece)); });
}

void FlatOptimizer::run_two_passes(std::vector<Task>& tasks) {
  const std::vector<Piece> pieces = Task::cut(tasks, rule_->needs_whole_filters());
  std::vector<Sums> sums(pieces.size());
  TwoPasses passes;
  passes.first = [&](const Piece& piece, size_t i, float* scratch) {
    const Task& task = tasks[piece.item];
    sums[i] = rule_->first_pass(task.step, task.chunk(piece, scratch));
  };
  passes.between = [&](size_t item, size_t begin, size_t end) {
    TensorStep& step = tasks[item].step;
    for (size_t i = begin; i < end; ++i) {
      for (size_t k = 0; k < step.sums.size(); ++k) step.sums[k] += sums[i][k];
    }
    rule_->between(step);
  };
  passes.second = [&](const Piece& piece, float* scratch) {
    const Task& task = tasks[piece.item];
    rule_->update(task.step, task.chunk(piece, scratch));
  };
  optim::run_two_passes(pieces, passes, scratch_);
}

void FlatOptimizer::run_on_device(const std::vector<Task>& tasks) {
  if (tasks.empty()) return;
  std::vector<DeviceTensor> tensors;
  tensors.reserve(tasks.size());
  for (const Task& task : tasks) tensors.push_back(task.device_tensor());
  kernels_->step(tensors, tasks.front().on_device->largest_norm);
}

void FlatOptimizer::run_reference(std::vector<Task>& tasks) const {
  for (Task& task : tasks) run_reference(task);
}

/// A thread takes one tensor after another, the largest first. Inside the parallel region LibTorch's operators stay on one thread.
void FlatOptimizer::run_by_tensor(std::vector<Task>& tasks) const {
  if (tasks.empty()) return;
  std::sort(tasks.begin(), tasks.end(), [](const Task& a, const Task& b) { return a.segment->count > b.segment->count; });
  const auto count = static_cast<int64_t>(tasks.size());
  const int64_t least = 2;  // a region of one thread is none
  parallel_for(std::max(count, least), at::get_num_threads(), [&](int64_t i) {
    const c10::NoGradGuard no_gradients;
    if (i < count) run_reference(tasks[static_cast<size_t>(i)]);
  });
}

void FlatOptimizer::run_reference(Task& task) const {
  WholeTensor tensor = whole(*task.group, *task.segment);
  tensor.gradient = task.step.gradient_scale == 1 ? task.gradient : task.gradient * task.step.gradient_scale;
  rule_->reference(task.step, tensor);
}

NamedTensors FlatOptimizer::evaluation_weights() const {
  const c10::NoGradGuard no_gradients;
  NamedTensors all;
  if (!rule_->has_average()) return all;
  for (const FlatGroup& group : groups_) {
    for (size_t i = 0; i < group.steps.size(); ++i) {
      const Segment& segment = group.parameters.segments()[i];
      const WholeTensor tensor = whole(group, segment);
      all.emplace_back(segment.name, (group.steps[i] == 0 ? tensor.weights : rule_->average(tensor)).clone(at::MemoryFormat::Contiguous));
    }
  }
  return all;
}

void FlatOptimizer::zero_grad() {
  for (const FlatGroup& group : groups_) group.parameters.drop_gradients();
}

std::vector<SegmentIndex> FlatOptimizer::segments_with_gradient() const {
  std::vector<SegmentIndex> all;
  for (size_t g = 0; g < groups_.size(); ++g) {
    for (const size_t s : groups_[g].parameters.segments_with_gradient()) all.push_back({g, s});
  }
  return all;
}

double FlatOptimizer::gradient_norm() {
  const c10::NoGradGuard no_gradients;
  std::vector<double> squares;
  std::vector<const Segment*> fast;
  std::vector<DeviceTensor> served;
  for (const FlatGroup& group : groups_) {
    for (const size_t i : group.parameters.segments_with_gradient()) {
      const Segment& segment = group.parameters.segments()[i];
      if (is_served(group)) {
        served.push_back(gradient_of(segment));
      } else if (group.parameters.is_cpu_float()) {
        fast.push_back(&segment);
      } else {
        squares.push_back(at::square(segment.parameter.grad().to(at::kDouble)).sum().item<double>());
      }
    }
  }
  if (!served.empty()) {
    const std::vector<double> on_device = kernels_->gradient_squares(served);
    squares.insert(squares.end(), on_device.begin(), on_device.end());
  }
  const std::vector<Piece> pieces = cut(fast, false);
  std::vector<double> parts(pieces.size());
  for_each_piece(pieces, [&](const Piece& piece, size_t i) {
    parts[i] = sum_of_squares(fast[piece.item]->parameter.grad().const_data_ptr<float>() + piece.begin, piece.end - piece.begin);
  });
  const size_t others = squares.size();
  squares.resize(others + fast.size());
  for (size_t i = 0; i < pieces.size(); ++i) squares[others + pieces[i].item] += parts[i];
  return std::sqrt(sum_in_any_order(std::move(squares)));
}

void FlatOptimizer::scale_gradients(double factor) {
  const c10::NoGradGuard no_gradients;
  std::vector<DeviceTensor> served;
  for (const FlatGroup& group : groups_) {
    for (const size_t i : group.parameters.segments_with_gradient()) {
      const Segment& segment = group.parameters.segments()[i];
      if (is_served(group)) {
        served.push_back(gradient_of(segment));
      } else {
        segment.parameter.mutable_grad().mul_(factor);
      }
    }
  }
  if (!served.empty()) kernels_->scale_gradients(served, factor);
}

void FlatOptimizer::clamp_gradients(double limit) {
  const c10::NoGradGuard no_gradients;
  for (const FlatGroup& group : groups_) {
    for (const size_t i : group.parameters.segments_with_gradient()) {
      group.parameters.segments()[i].parameter.mutable_grad().clamp_(-limit, limit);
    }
  }
}

NamedTensors FlatOptimizer::state_views() const {
  NamedTensors all;
  const std::vector<std::string> names = rule_->state_names();
  const std::vector<std::string> scalar_names = rule_->scalar_names();
  for (const FlatGroup& group : groups_) {
    for (size_t i = 0; i < group.steps.size(); ++i) {
      const Segment& segment = group.parameters.segments()[i];
      for (size_t k = 0; k < names.size(); ++k) {
        all.emplace_back(names[k] + "/" + segment.name, group.parameters.view(group.state[k], segment));
      }
      for (size_t k = 0; k < scalar_names.size(); ++k) all.emplace_back(scalar_names[k] + "/" + segment.name, number(group.scalars[i][k]));
      all.emplace_back("step/" + segment.name, number(group.steps[i]));
    }
  }
  return all;
}

NamedTensors FlatOptimizer::state() const {
  NamedTensors copies = state_views();
  for (auto& [name, tensor] : copies) tensor = tensor.clone(at::MemoryFormat::Contiguous);
  return copies;
}

void FlatOptimizer::load_state(const NamedTensors& state, const std::string& source) {
  const NamedTensors views = state_views();
  check_state(views, state, source + ": optimizer");
  for (const auto& [name, value] : state) {
    if (!name.starts_with("step/") || value.item<int64_t>() >= 0) continue;
    throw_data_error(fmt::format("{}: optimizer: '{}' is {}, must be >= 0", source, name, value.item<int64_t>()));
  }
  copy_state(state, views);
  const std::map<std::string, at::Tensor> found(state.begin(), state.end());
  const std::vector<std::string> scalar_names = rule_->scalar_names();
  for (FlatGroup& group : groups_) {
    for (size_t i = 0; i < group.steps.size(); ++i) {
      const std::string& name = group.parameters.segments()[i].name;
      group.steps[i] = found.at("step/" + name).item<int64_t>();
      for (size_t k = 0; k < scalar_names.size(); ++k) group.scalars[i][k] = found.at(scalar_names[k] + "/" + name).item<double>();
    }
  }
}

}  // namespace larmor::optim
