#include "models/encoder_decoder.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>

#include "core/parallel.h"
#include "models/init.h"

namespace larmor::models {

namespace {

void fill_zero(at::Tensor* bias) {
  const at::NoGradGuard no_grad;
  if (bias) bias->zero_();
}

constexpr int64_t kMostImagesAtOnce = 4;  // more do not fit the caches, fewer read the weights too often

/// A copy with channels-last strides, also where one channel makes both orders the same.
at::Tensor channels_last(const at::Tensor& image) {
  return at::empty(image.sizes(), image.options().memory_format(at::MemoryFormat::ChannelsLast)).copy_(image);
}

}  // namespace

SegmentationHead::SegmentationHead(int64_t in_channels, int64_t classes, int64_t kernel)
    : FusedConv({.conv = {.in_channels = in_channels, .out_channels = classes, .kernel = kernel, .padding = kernel / 2},
                 .has_relu = false,
                 .norm_name = ""}) {}

EncoderDecoder::EncoderDecoder(SegmenterInfo info, std::unique_ptr<Encoder> encoder, std::unique_ptr<Decoder> decoder,
                               std::unique_ptr<SegmentationHead> head, uint64_t seed)
    : info_(std::move(info)),
      encoder_(register_module("encoder", std::move(encoder))),
      decoder_(register_module("decoder", std::move(decoder))),
      head_(register_module("segmentation_head", std::move(head))) {
  initialise(seed);
}

at::Tensor EncoderDecoder::forward_checked(const at::Tensor& image) {
  return head_->is_fast(image) ? forward_fast(image) : forward_plain(image);
}

at::Tensor EncoderDecoder::forward_plain(const at::Tensor& image) { return head_->forward(decoder_->forward(encoder_->features(image))); }

at::Tensor EncoderDecoder::forward_fast(const at::Tensor& image) {
  const int threads = at::get_num_threads();
  const int64_t count = image.size(0), share = std::min(count / threads, kMostImagesAtOnce);
  const int64_t groups = share > 0 ? count / (share * threads) * threads : 0, alone = groups * share;
  at::Tensor logits = at::empty({count, info_.classes, image.size(2), image.size(3)}, image.options());
  const auto forward_part = [&](int64_t first, int64_t images) {
    logits.narrow(0, first, images).copy_(forward_plain(channels_last(image.narrow(0, first, images))));
  };
  const bool in_inference_mode = c10::InferenceMode::is_enabled();
  parallel_for(groups, threads, [&](int64_t group) {
    const c10::InferenceMode inference(in_inference_mode);  // both are settings of the thread
    const at::NoGradGuard no_grad;
    forward_part(group * share, share);
  });
  if (alone < count) forward_part(alone, count - alone);
  return logits;
}

std::vector<std::string> EncoderDecoder::unused_parameters() const {
  std::vector<std::string> names = encoder_->unused_parameters();
  for (std::string& name : names) name.insert(0, "encoder.");
  return names;
}

void EncoderDecoder::initialise(uint64_t seed) {
  initialise_default(*this, seed);
  decoder_->visit([seed](const std::string& name, Module& module) {
    auto* conv = dynamic_cast<Conv2d*>(&module);
    if (!conv) return;
    fill_he_uniform(conv->weight, seed, "decoder." + name + ".weight");
    fill_zero(conv->bias);
  });
  head_->visit([seed](const std::string& name, Module& module) {
    auto* conv = dynamic_cast<Conv2d*>(&module);
    if (!conv) return;
    fill_glorot_uniform(conv->weight, seed, "segmentation_head." + name + ".weight");
    fill_zero(conv->bias);
  });
}

}  // namespace larmor::models
