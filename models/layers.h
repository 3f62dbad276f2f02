// Layers with the parameter names and start values of torch.nn, built on ATen.
//
// Start values: framework default (Kaiming uniform a = sqrt 5: U(±1/sqrt fan_in)) unless the owner re-initialises (models/init.h).
#pragma once
#include <cstdint>
#include <memory>
#include <optional>

#include "models/module.h"

namespace larmor::models {

struct Conv2dOptions {
  int64_t in_channels = 1, out_channels = 1, kernel = 1;
  int64_t stride = 1, padding = 0, dilation = 1, groups = 1;
  bool bias = true;
};

/// `weight` out x in/groups x k x k, `bias` out.
class Conv2d : public Module {
 public:
  explicit Conv2d(const Conv2dOptions& options);
  at::Tensor forward(const at::Tensor& x) const;
  const Conv2dOptions& options() const { return options_; }
  at::Tensor& weight;
  at::Tensor* bias;  ///< nullptr without bias

 private:
  Conv2dOptions options_;
};

/// `weight` in x out x k x k, `bias` out.
class ConvTranspose2d : public Module {
 public:
  explicit ConvTranspose2d(const Conv2dOptions& options);
  at::Tensor forward(const at::Tensor& x) const;
  const Conv2dOptions& options() const { return options_; }
  at::Tensor& weight;
  at::Tensor* bias;

 private:
  Conv2dOptions options_;
};

/// `weight`, `bias`, `running_mean`, `running_var`, `num_batches_tracked` (int64 scalar).
class BatchNorm2d : public Module {
 public:
  explicit BatchNorm2d(int64_t channels, double eps = 1e-5, double momentum = 0.1);
  at::Tensor forward(const at::Tensor& x);
  double eps() const { return eps_; }
  at::Tensor& weight;
  at::Tensor& bias;
  at::Tensor& running_mean;
  at::Tensor& running_var;
  at::Tensor& num_batches_tracked;

 private:
  double eps_, momentum_;
};

/// Keeps an index in SMP's names; has no parameters.
class Identity : public Module {};

/// The one block that all our networks are made of: convolution (plain or transposed), optional batch norm, optional ReLU.
/// In prepared inference it is one fused operator; before, it computes exactly what the three layers compute one after another.
/// It borrows its layers: names and order in the state dict belong to the owner.
class FusedConv {
 public:
  FusedConv() = default;
  FusedConv(Conv2d* conv, BatchNorm2d* norm, bool relu);
  FusedConv(ConvTranspose2d* conv, BatchNorm2d* norm, bool relu);
  at::Tensor forward(const at::Tensor& x) const;
  /// relu(conv-norm(x) + shortcut) with the addition and the ReLU fused in where prepared.
  at::Tensor forward_add_relu(const at::Tensor& x, const at::Tensor& shortcut) const;
  void prepare();  ///< folds and packs
  void drop();
  bool is_prepared() const;

 private:
  struct Packed;
  Conv2d* conv_ = nullptr;
  ConvTranspose2d* transposed_ = nullptr;
  BatchNorm2d* norm_ = nullptr;
  bool relu_ = false;
  std::shared_ptr<Packed> packed_;
};

}  // namespace larmor::models
