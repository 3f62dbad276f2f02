#include "models/module.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

namespace larmor::models {

namespace {

std::string joined(const std::string& prefix, const std::string& name) {
  if (prefix.empty() || name.empty()) return prefix + name;
  return prefix + "." + name;
}

}  // namespace

NamedTensors Module::state_dict() const {
  NamedTensors all;
  collect("", true, true, all);
  return all;
}

NamedTensors Module::named_parameters() const {
  NamedTensors all;
  collect("", true, false, all);
  return all;
}

NamedTensors Module::named_buffers() const {
  NamedTensors all;
  collect("", false, true, all);
  return all;
}

int64_t Module::parameter_count() const {
  int64_t count = 0;
  for (const auto& [name, parameter] : named_parameters()) count += parameter.numel();
  return count;
}

void Module::train(bool on) {
  visit([on](const std::string&, Module& module) { module.training_ = on; });
  if (on) drop_inference();
}

void Module::to(at::Device device) {
  move([device](const at::Tensor& tensor) { return tensor.to(device); });
}

void Module::to(at::ScalarType dtype) {
  move([dtype](const at::Tensor& tensor) { return at::isFloatingType(tensor.scalar_type()) ? tensor.to(dtype) : tensor; });
}

void Module::move(const std::function<at::Tensor(const at::Tensor&)>& change) {
  drop_inference();
  zero_grad();
  const at::NoGradGuard no_grad;
  for (auto& [name, tensor] : state_dict()) tensor.set_data(change(tensor));
}

void Module::zero_grad() {
  for (auto& [name, parameter] : named_parameters()) parameter.mutable_grad() = at::Tensor();
}

void Module::visit(const std::function<void(const std::string&, Module&)>& visitor) { visit_below("", visitor); }

void Module::visit_below(const std::string& name, const std::function<void(const std::string&, Module&)>& visitor) {
  visitor(name, *this);
  for (auto& [child_name, child] : children_) child->visit_below(joined(name, child_name), visitor);
}

void Module::prepare_inference() {
  const at::NoGradGuard no_grad;
  visit([](const std::string&, Module& module) { module.on_prepare_inference(); });
}

void Module::drop_inference() {
  visit([](const std::string&, Module& module) { module.on_drop_inference(); });
}

at::Tensor& Module::register_parameter(const std::string& name, at::Tensor value) {
  value.set_requires_grad(true);
  parameters_.emplace_back(name, std::make_unique<at::Tensor>(std::move(value)));
  return *parameters_.back().second;
}

at::Tensor& Module::register_buffer(const std::string& name, at::Tensor value) {
  buffers_.emplace_back(name, std::make_unique<at::Tensor>(std::move(value)));
  return *buffers_.back().second;
}

void Module::collect(const std::string& prefix, bool parameters, bool buffers, NamedTensors& out) const {
  if (parameters) {
    for (const auto& [name, tensor] : parameters_) out.emplace_back(joined(prefix, name), *tensor);
  }
  if (buffers) {
    for (const auto& [name, tensor] : buffers_) out.emplace_back(joined(prefix, name), *tensor);
  }
  for (const auto& [name, child] : children_) child->collect(joined(prefix, name), parameters, buffers, out);
}

}  // namespace larmor::models
