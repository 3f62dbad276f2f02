#include "models/encoder_decoder.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include "models/encoders/registry.h"
#include "models/init.h"
#include "models/interpolation.h"
#include "models/side_by_side.h"

namespace larmor::models {

namespace {

constexpr const char* kLabels = "classification_head";

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
      .add("aux_classes", options.aux_classes, "classes of whole images, told by a second head; 0: no such head", between(0, 1000))
      .add("aux_pooling", options.aux_pooling, "how the second head sums up the deepest map", {"avg", "max"})
      .add("aux_dropout", options.aux_dropout, "dropout before the second head's linear layer", from_up_to(0, 1))
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

std::unique_ptr<ClassificationHead> make_classification_head(const EncoderDecoderOptions& options, const Encoder& encoder) {
  if (options.aux_classes == 0) return nullptr;
  const ClassificationHeadOptions head{.in_channels = encoder.channels().back(),
                                       .classes = options.aux_classes,
                                       .pooling = options.aux_pooling,
                                       .dropout = options.aux_dropout};
  return std::make_unique<ClassificationHead>(head);
}

EncoderDecoder::EncoderDecoder(SegmenterInfo info, std::unique_ptr<Encoder> encoder, std::unique_ptr<Decoder> decoder,
                               std::unique_ptr<SegmentationHead> head, std::unique_ptr<ClassificationHead> labels, uint64_t seed)
    : info_(std::move(info)),
      encoder_(register_module("encoder", std::move(encoder))),
      decoder_(register_module("decoder", std::move(decoder))),
      head_(register_module("segmentation_head", std::move(head))),
      labels_(labels ? register_module(kLabels, std::move(labels)) : nullptr) {
  initialise(seed);
}

at::Tensor EncoderDecoder::forward_checked(const at::Tensor& image) {
  if (!head_->is_fast(image)) return forward_plain(image);
  return forward_side_by_side(image, info_.classes, [this](const at::Tensor& part) { return forward_plain(part); });
}

at::Tensor EncoderDecoder::forward_plain(const at::Tensor& image) { return head_->forward(decoder_->forward(encoder_->features(image))); }

SegmenterOutput EncoderDecoder::forward_with_labels_checked(const at::Tensor& image) {
  if (labels_ == nullptr) return {forward_checked(image), {}};
  const std::vector<at::Tensor> features = encoder_->features(image);
  at::Tensor label_logits = labels_->forward(features.back());
  return {head_->forward(decoder_->forward(features)).contiguous(), std::move(label_logits)};
}

std::vector<std::string> EncoderDecoder::unused_parameters() const {
  std::vector<std::string> names = encoder_->unused_parameters();
  for (std::string& name : names) name.insert(0, "encoder.");
  for (const auto& [name, tensor] : label_parameters()) names.push_back(name);
  return names;
}

NamedTensors EncoderDecoder::label_parameters() const {
  NamedTensors parameters = labels_ ? labels_->named_parameters() : NamedTensors();
  for (auto& [name, tensor] : parameters) name = fmt::format("{}.{}", kLabels, name);
  return parameters;
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
  for (auto& [name, tensor] : label_parameters()) {
    if (tensor.dim() > 1) fill_glorot_uniform(tensor, seed, name);
  }
}

}  // namespace larmor::models
