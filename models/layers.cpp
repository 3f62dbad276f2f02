#include "models/layers.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include "core/error.h"

namespace larmor::models {

namespace {

at::Tensor value_or_undefined(const at::Tensor* tensor) { return tensor ? *tensor : at::Tensor(); }

at::Tensor* optional_bias(bool wanted, int64_t channels, const std::function<at::Tensor&(at::Tensor)>& add) {
  return wanted ? &add(at::zeros({channels})) : nullptr;
}

}  // namespace

Conv2d::Conv2d(const Conv2dOptions& options)
    : weight(register_parameter("weight",
                                at::zeros({options.out_channels, options.in_channels / options.groups, options.kernel, options.kernel}))),
      bias(optional_bias(options.bias, options.out_channels,
                         [this](at::Tensor value) -> at::Tensor& { return register_parameter("bias", std::move(value)); })),
      options_(options) {
  LARMOR_ASSERT(options.in_channels % options.groups == 0 && options.out_channels % options.groups == 0);
}

at::Tensor Conv2d::forward(const at::Tensor& x) const {
  return at::conv2d(x, weight, value_or_undefined(bias), options_.stride, options_.padding, options_.dilation, options_.groups);
}

ConvTranspose2d::ConvTranspose2d(const Conv2dOptions& options)
    : weight(register_parameter("weight",
                                at::zeros({options.in_channels, options.out_channels / options.groups, options.kernel, options.kernel}))),
      bias(optional_bias(options.bias, options.out_channels,
                         [this](at::Tensor value) -> at::Tensor& { return register_parameter("bias", std::move(value)); })),
      options_(options) {
  LARMOR_ASSERT(options.in_channels % options.groups == 0 && options.out_channels % options.groups == 0);
}

at::Tensor ConvTranspose2d::forward(const at::Tensor& x) const {
  return at::conv_transpose2d(x, weight, value_or_undefined(bias), options_.stride, options_.padding, /*output_padding=*/0, options_.groups,
                              options_.dilation);
}

Linear::Linear(int64_t in_features, int64_t out_features)
    : weight(register_parameter("weight", at::zeros({out_features, in_features}))),
      bias(register_parameter("bias", at::zeros({out_features}))) {}

at::Tensor Linear::forward(const at::Tensor& x) const { return at::linear(x, weight, bias); }

BatchNorm2d::BatchNorm2d(int64_t channels, double eps, double momentum)
    : weight(register_parameter("weight", at::ones({channels}))),
      bias(register_parameter("bias", at::zeros({channels}))),
      running_mean(register_buffer("running_mean", at::zeros({channels}))),
      running_var(register_buffer("running_var", at::ones({channels}))),
      num_batches_tracked(register_buffer("num_batches_tracked", at::zeros({}, at::kLong))),
      eps_(eps),
      momentum_(momentum) {}

at::Tensor BatchNorm2d::forward(const at::Tensor& x) {
  if (is_training()) {
    if (x.size(0) * x.size(2) * x.size(3) <= 1) {
      throw_usage_error(
          fmt::format("batch norm cannot train on one value per channel (input {} x {} x {} x {}): use a larger batch or image", x.size(0),
                      x.size(1), x.size(2), x.size(3)));
    }
    num_batches_tracked.add_(1);
  }
  return at::batch_norm(x, weight, bias, running_mean, running_var, is_training(), momentum_, eps_, /*cudnn_enabled=*/true);
}

GroupNorm::GroupNorm(int64_t groups, int64_t channels, double eps)
    : weight(register_parameter("weight", at::ones({channels}))),
      bias(register_parameter("bias", at::zeros({channels}))),
      groups_(groups),
      eps_(eps) {
  LARMOR_ASSERT(channels % groups == 0);
}

at::Tensor GroupNorm::forward(const at::Tensor& x) const { return at::group_norm(x, groups_, weight, bias, eps_); }

at::Tensor Dropout2d::forward(const at::Tensor& x) const {
  return is_training() ? at::feature_dropout(x, probability_, /*train=*/true) : x;
}

}  // namespace larmor::models
