#include "models/encoder_decoder.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "models/encoders/registry.h"
#include "models/init.h"
#include "models/interpolation.h"
#include "models/side_by_side.h"

namespace larmor::models {

namespace {

void fill_zero(at::Tensor* bias) {
  const at::NoGradGuard no_grad;
  if (bias) bias->zero_();
}

}  // namespace

SegmentationHead::SegmentationHead(int64_t in_channels, int64_t classes, int64_t kernel, int64_t upsampling) : upsampling_(upsampling) {
  const Conv2dOptions conv{.in_channels = in_channels, .out_channels = classes, .kernel = kernel, .padding = kernel / 2};
  conv_ = register_module("", std::make_unique<FusedConv>(FusedConvOptions{.conv = conv, .has_relu = false, .norm_name = ""}));
}

at::Tensor SegmentationHead::forward(const at::Tensor& x) const {
  at::Tensor logits = conv_->forward(x);
  if (upsampling_ == 1) return logits;
  return upsample_bilinear_aligned(logits, upsampling_ * logits.size(2), upsampling_ * logits.size(3));
}

OptionTable common_options_of(EncoderDecoderOptions& options) {
  OptionTable table;
  table.add("encoder", options.encoder, "encoder network; see `larmor list encoders`")
      .add("encoder_depth", options.encoder_depth, "encoder stages that are run; height and width must be multiples of 2^depth",
           between(3, 5))
      .add("in_channels", options.in_channels, "input channels", between(1, 1024))
      .add("classes", options.classes, "output channels", between(1, 255))
      .check("encoder", [&options] {
        const encoders::Registry& encoders = encoders::registry();
        return encoders.find(options.encoder) ? "" : encoders.unknown_message(options.encoder);
      });
  return table;
}

std::unique_ptr<Encoder> make_encoder(const EncoderDecoderOptions& options, int64_t output_stride) {
  const EncoderArguments arguments{.in_channels = options.in_channels, .depth = options.encoder_depth, .output_stride = output_stride};
  return encoders::registry().at(options.encoder).make(ConfigNode{}, arguments);
}

EncoderDecoder::EncoderDecoder(SegmenterInfo info, std::unique_ptr<Encoder> encoder, std::unique_ptr<Decoder> decoder,
                               std::unique_ptr<SegmentationHead> head, uint64_t seed)
    : info_(std::move(info)),
      encoder_(register_module("encoder", std::move(encoder))),
      decoder_(register_module("decoder", std::move(decoder))),
      head_(register_module("segmentation_head", std::move(head))) {
  initialise(seed);
}

at::Tensor EncoderDecoder::forward_checked(const at::Tensor& image) {
  if (!head_->is_fast(image)) return forward_plain(image);
  return forward_side_by_side(image, info_.classes, [this](const at::Tensor& part) { return forward_plain(part); });
}

at::Tensor EncoderDecoder::forward_plain(const at::Tensor& image) { return head_->forward(decoder_->forward(encoder_->features(image))); }

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
