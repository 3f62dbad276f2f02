// A network part with named parameters, buffers and children, in the order and with the names of a Python state dict.
//
// Why not torch::nn::Module: its headers cost 16 s a unit, it lists parameters apart from buffers, and a child that is not
// registered is silently left out. Here a layer cannot exist without being registered (docs/design/modules.md).
#pragma once
#include <ATen/core/Tensor.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/tensors.h"

namespace larmor::models {

class Module {
 public:
  Module() = default;
  virtual ~Module() = default;
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;

  /// Parameters then buffers of this module, then the children's, each in registration order: Python's state_dict order.
  /// The tensors are the module's own, not copies.
  NamedTensors state_dict() const;
  NamedTensors named_parameters() const;
  NamedTensors named_buffers() const;
  int64_t parameter_count() const;

  /// Training mode: batch norm uses batch statistics, dropout drops.
  void train(bool on = true);
  void eval() { train(false); }
  bool is_training() const { return training_; }

  /// Moves floating-point parameters and buffers (integer buffers keep their type). Drops gradients and prepared inference.
  void to(at::Device device);
  void to(at::ScalarType dtype);
  void zero_grad();  ///< makes gradients undefined

  /// Visits this module and all below, parents first, with dotted names ("" for this one).
  void visit(const std::function<void(const std::string& name, Module& module)>& visitor);

  /// Folds batch norm into convolutions and packs weights; from then on forward() in eval mode without gradients takes the fast
  /// path. Any change of weights must be followed by a new call: load_state(), to() and train(true) drop what was prepared, an
  /// optimizer step on a network left in eval mode does not. Does nothing where the fast operators are missing.
  void prepare_inference();
  void drop_inference();

 protected:
  at::Tensor& register_parameter(const std::string& name, at::Tensor value);  ///< requires grad
  at::Tensor& register_buffer(const std::string& name, at::Tensor value);
  /// A name may have dots ("blocks.0.block.1") or be "": then the child adds no level to the names of what it holds.
  template <class T>
  T* register_module(const std::string& name, std::unique_ptr<T> child) {
    T* raw = child.get();
    children_.emplace_back(name, std::move(child));
    return raw;
  }
  /// Hooks for layers that keep something derived from their weights.
  virtual void on_prepare_inference() {}
  virtual void on_drop_inference() {}

 private:
  void collect(const std::string& prefix, bool parameters, bool buffers, NamedTensors& out) const;
  void visit_below(const std::string& name, const std::function<void(const std::string& name, Module& module)>& visitor);
  void move(const std::function<at::Tensor(const at::Tensor&)>& change);

  bool training_ = true;
  // unique_ptr: register_* hand out references that must survive growth
  std::vector<std::pair<std::string, std::unique_ptr<at::Tensor>>> parameters_;
  std::vector<std::pair<std::string, std::unique_ptr<at::Tensor>>> buffers_;
  std::vector<std::pair<std::string, std::unique_ptr<Module>>> children_;
};

}  // namespace larmor::models
