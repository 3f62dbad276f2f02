// What the tests of optim share: optimizers made from YAML text, and parameters whose gradients are given by hand.
#pragma once
#include <ATen/ATen.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/config.h"
#include "core/error.h"
#include "core/random.h"
#include "optim/registry.h"

namespace larmor::optim {

/// Options as a recipe writes them: "{lr: 0.1, betas: [0.9, 0.99]}".
inline ConfigNode options_from(const std::string& yaml) { return parse_yaml(yaml, "test"); }

inline std::unique_ptr<Optimizer> make_optimizer(const std::string& name, const std::string& yaml,
                                                 const std::vector<ParameterGroup>& groups) {
  return registry().at(name).make(options_from(yaml), groups);
}

/// A leaf with these values.
inline at::Tensor make_parameter(const at::Tensor& values) { return values.clone().set_requires_grad(true); }

/// Normal numbers from a key; float32, or float64 with the same values.
inline at::Tensor random_tensor(const std::string& key, const std::vector<int64_t>& shape, at::ScalarType type = at::kFloat) {
  const at::Tensor tensor = at::empty(shape, at::kFloat);
  Random random(RandomKey(11).with(key));
  float* const values = tensor.data_ptr<float>();
  for (int64_t i = 0; i < tensor.numel(); ++i) values[i] = static_cast<float>(random.normal());
  return tensor.to(type);
}

inline void set_gradient(const at::Tensor& parameter, const at::Tensor& gradient) { parameter.mutable_grad() = gradient.clone(); }

/// One parameter "w" under one optimizer.
class Single {
 public:
  Single(const std::string& name, const std::string& yaml, const at::Tensor& start)
      : parameter_(make_parameter(start)), optimizer_(make_optimizer(name, yaml, {ParameterGroup{{{"w", parameter_}}, 1, {}}})) {}

  void step(const at::Tensor& gradient, double lr) {
    set_gradient(parameter_, gradient);
    optimizer_->step(lr);
  }
  at::Tensor value() const { return parameter_.detach().clone(); }
  Optimizer& optimizer() { return *optimizer_; }

 private:
  at::Tensor parameter_;
  std::unique_ptr<Optimizer> optimizer_;
};

/// Largest difference.
inline double distance(const at::Tensor& a, const at::Tensor& b) {
  if (a.numel() == 0) return 0;
  return (a.to(at::kDouble) - b.to(at::kDouble)).abs().max().item<double>();
}

inline at::Tensor numbers(const std::vector<double>& values) { return at::tensor(values, at::kDouble); }

/// The whole message of the Error that `action` throws; "" when it throws none.
inline std::string message_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace larmor::optim
