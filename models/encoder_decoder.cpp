#include "models/encoder_decoder.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "models/init.h"

namespace larmor::models {

namespace {

void fill_zero(at::Tensor* bias) {
  const at::NoGradGuard no_grad;
  if (bias) bias->zero_();
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

at::Tensor EncoderDecoder::forward_checked(const at::Tensor& image) { return head_->forward(decoder_->forward(encoder_->features(image))); }

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
