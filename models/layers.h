// Layers with the parameter names and the arithmetic of torch.nn, built on ATen.
//
// A layer knows only its own name, so start values, which are keyed by the full name, are given by the network that owns it
// (models/init.h). Until then convolutions are zero and norms 1/0.
#pragma once
#include <cstdint>
#include <memory>
#include <string>

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

/// `weight` out x in, `bias` out.
class Linear : public Module {
 public:
  Linear(int64_t in_features, int64_t out_features);
  at::Tensor forward(const at::Tensor& x) const;

  at::Tensor& weight;
  at::Tensor& bias;
};

/// `weight`, `bias`, `running_mean`, `running_var`, `num_batches_tracked` (int64 scalar). Training needs more than one value per
/// channel (Error, usage): the unbiased variance of one value is not a number and would poison the running statistics.
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

/// `weight`, `bias`: every image and group of channels gets mean 0 and variance 1 over its pixels, in training and evaluation alike.
class GroupNorm : public Module {
 public:
  GroupNorm(int64_t groups, int64_t channels, double eps = 1e-5);
  at::Tensor forward(const at::Tensor& x) const;

  at::Tensor& weight;
  at::Tensor& bias;

 private:
  int64_t groups_;
  double eps_;
};

/// In training mode sets whole channels of an image to zero with this probability and scales the others by 1 / (1 - probability); else
/// does nothing. The mask comes from LibTorch's generator, which the trainer keys for each batch.
class Dropout2d : public Module {
 public:
  explicit Dropout2d(double probability) : probability_(probability) {}
  at::Tensor forward(const at::Tensor& x) const;

 private:
  double probability_;
};

struct FusedConvOptions {
  Conv2dOptions conv;
  bool is_transposed = false;
  bool has_relu = true;
  std::string conv_name = "0";
  std::string norm_name = "1";  ///< "": no batch norm
};

/// The one block that all our networks are made of: convolution (plain or transposed), optional batch norm, optional ReLU.
/// An owner whose state dict has no level of its own for the block registers it under the name "".
///
/// Before prepare_inference() it computes exactly what the three layers compute one after another. After it, in eval mode and without
/// gradients, float32 inputs on the CPU go through one fused operator with the norm folded into the weights; the result is channels
/// last and differs by rounding.
class FusedConv : public Module {
 public:
  explicit FusedConv(const FusedConvOptions& options);
  ~FusedConv() override;
  FusedConv(const FusedConv&) = delete;
  FusedConv& operator=(const FusedConv&) = delete;
  at::Tensor forward(const at::Tensor& x) const;
  /// Whether forward(x) takes the fused operator now. It may then be called by several threads at once.
  bool is_fast(const at::Tensor& x) const;

 protected:
  void on_prepare_inference() override;
  void on_drop_inference() override;

 private:
  struct Prepared;
  at::Tensor forward_fast(const at::Tensor& x) const;
  at::Tensor packed_for(at::IntArrayRef input_size) const;

  Conv2d* conv_ = nullptr;  ///< exactly one of the two
  ConvTranspose2d* transposed_ = nullptr;
  BatchNorm2d* norm_ = nullptr;
  bool has_relu_;
  std::unique_ptr<Prepared> prepared_;
};

}  // namespace larmor::models
