#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <mutex>
#include <utility>
#include <vector>

#include "models/layers.h"
#include "models/onednn.h"

namespace larmor::models {

namespace {

constexpr size_t kMostSizes = 8;  // input sizes whose packed weights are kept

struct Folded {
  at::Tensor weight, bias;
};

/// The convolution that computes norm(conv(x)) in eval mode: every output channel times gamma / sqrt(variance + eps). In double,
/// rounded once.
Folded fold(const at::Tensor& weight, const at::Tensor* bias, const BatchNorm2d* norm, int64_t channel_dimension) {
  const at::Tensor plain = weight.detach().to(at::kDouble);
  const int64_t channels = plain.size(channel_dimension);
  at::Tensor offset = bias ? bias->detach().to(at::kDouble) : at::zeros({channels}, at::kDouble);
  if (!norm) return {plain.to(at::kFloat), offset.to(at::kFloat)};
  const auto wide = [](const at::Tensor& tensor) { return tensor.detach().to(at::kDouble); };
  const at::Tensor scale = wide(norm->weight) / (wide(norm->running_var) + norm->eps()).sqrt();
  offset = (offset - wide(norm->running_mean)) * scale + wide(norm->bias);
  std::vector<int64_t> shape(4, 1);
  shape[static_cast<size_t>(channel_dimension)] = channels;
  return {(plain * scale.view(shape)).to(at::kFloat), offset.to(at::kFloat)};
}

}  // namespace

/// What is kept between calls: the folded bias, and packed weights for the input sizes and numbers of threads seen. Folded weights
/// themselves are made again when another size comes, to save their memory.
struct FusedConv::Prepared {
  using Key = std::pair<std::vector<int64_t>, int>;
  at::Tensor bias;
  std::mutex mutex;
  std::vector<std::pair<Key, at::Tensor>> packed;
};

FusedConv::FusedConv(const FusedConvOptions& options) : has_relu_(options.has_relu) {
  if (options.is_transposed) {
    transposed_ = register_module(options.conv_name, std::make_unique<ConvTranspose2d>(options.conv));
  } else {
    conv_ = register_module(options.conv_name, std::make_unique<Conv2d>(options.conv));
  }
  if (!options.norm_name.empty()) norm_ = register_module(options.norm_name, std::make_unique<BatchNorm2d>(options.conv.out_channels));
}

FusedConv::~FusedConv() = default;

at::Tensor FusedConv::forward(const at::Tensor& x) const {
  if (is_fast(x)) return forward_fast(x);
  at::Tensor y = conv_ ? conv_->forward(x) : transposed_->forward(x);
  if (norm_) y = norm_->forward(y);
  // In place: neither convolution nor batch norm needs its output for the backward pass.
  return has_relu_ ? at::relu_(y) : y;
}

bool FusedConv::is_fast(const at::Tensor& x) const {
  return prepared_ && !is_training() && !at::GradMode::is_enabled() && x.device().is_cpu() && x.scalar_type() == at::kFloat;
}

at::Tensor FusedConv::forward_fast(const at::Tensor& x) const {
  const at::Tensor input = x.contiguous(at::MemoryFormat::ChannelsLast);
  const at::Tensor weight = packed_for(input.sizes());
  return conv_ ? onednn::convolve(input, weight, prepared_->bias, conv_->options(), has_relu_)
               : onednn::convolve_transposed(input, weight, prepared_->bias, transposed_->options(), has_relu_);
}

at::Tensor FusedConv::packed_for(at::IntArrayRef input_size) const {
  const Prepared::Key key{input_size.vec(), at::in_parallel_region() ? 1 : at::get_num_threads()};
  const std::lock_guard lock(prepared_->mutex);
  auto& packed = prepared_->packed;
  const auto found = std::find_if(packed.begin(), packed.end(), [&](const auto& entry) { return entry.first == key; });
  if (found != packed.end()) return found->second;
  at::Tensor fresh = conv_
                         ? onednn::pack(fold(conv_->weight, nullptr, norm_, 0).weight, conv_->options(), input_size)
                         : onednn::pack_transposed(fold(transposed_->weight, nullptr, norm_, 1).weight, transposed_->options(), input_size);
  for (const auto& [other, tensor] : packed) {
    if (onednn::have_same_layout(tensor, fresh)) fresh = tensor;
  }
  if (packed.size() == kMostSizes) packed.erase(packed.begin());
  packed.emplace_back(key, fresh);
  return fresh;
}

void FusedConv::on_prepare_inference() {
  const at::Tensor& weight = conv_ ? conv_->weight : transposed_->weight;
  if (!weight.device().is_cpu() || weight.scalar_type() != at::kFloat || !onednn::is_available()) return;
  prepared_ = std::make_unique<Prepared>();
  prepared_->bias = conv_ ? fold(weight, conv_->bias, norm_, 0).bias : fold(weight, transposed_->bias, norm_, 1).bias;
}

void FusedConv::on_drop_inference() { prepared_.reset(); }

}  // namespace larmor::models
