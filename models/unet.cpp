#include "models/unet.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include "core/error.h"
#include "models/interpolation.h"

namespace larmor::models {

namespace {

std::unique_ptr<FusedConv> make_conv(int64_t in_channels, int64_t out_channels) {
  const Conv2dOptions conv{.in_channels = in_channels, .out_channels = out_channels, .kernel = 3, .padding = 1, .bias = false};
  return std::make_unique<FusedConv>(FusedConvOptions{.conv = conv});
}

class DecoderBlock : public Module {
 public:
  DecoderBlock(int64_t in_channels, int64_t out_channels)
      : conv1_(register_module("conv1", make_conv(in_channels, out_channels))),
        conv2_(register_module("conv2", make_conv(out_channels, out_channels))) {}

  at::Tensor forward(const at::Tensor& x) const { return conv2_->forward(conv1_->forward(x)); }

 private:
  FusedConv *conv1_, *conv2_;
};

class UnetDecoder : public Decoder {
 public:
  /// `channels`: of the encoder's maps, the image first.
  UnetDecoder(const std::vector<int64_t>& channels, const UnetOptions& options) : interpolation_(options.interpolation) {
    LARMOR_ASSERT(options.decoder_channels.size() + 1 == channels.size());
    int64_t in = channels.back();
    for (size_t level = channels.size() - 1; level-- > 0;) {
      const int64_t out = options.decoder_channels[blocks_.size()], skip = level > 0 ? channels[level] : 0;
      const std::string name = "blocks." + std::to_string(blocks_.size());
      blocks_.push_back(register_module(name, std::make_unique<DecoderBlock>(in + skip, out)));
      in = out;
    }
  }

  at::Tensor forward(const std::vector<at::Tensor>& features) override {
    at::Tensor x = features.back();
    for (size_t i = 0; i < blocks_.size(); ++i) {
      const size_t level = blocks_.size() - 1 - i;
      x = interpolate(x, features[level].size(2), features[level].size(3), interpolation_);
      if (level > 0) x = at::cat({x, features[level]}, 1);
      x = blocks_[i]->forward(x);
    }
    return x;
  }

 private:
  std::string interpolation_;
  std::vector<DecoderBlock*> blocks_;
};

std::string check_channels(const UnetOptions& options) {
  const auto count = static_cast<int64_t>(options.decoder_channels.size());
  if (count == options.encoder_depth) return "";
  return fmt::format("{} widths for encoder_depth {}; there must be one for each stage", count, options.encoder_depth);
}

}  // namespace

OptionTable options_of(UnetOptions& options) {
  OptionTable table = common_options_of(options);
  table
      .add("decoder_channels", options.decoder_channels, "widths of the decoder's stages, from deep to shallow, encoder_depth of them",
           at_least(1))
      .add("interpolation", options.interpolation, "how a map is doubled", interpolation_modes())
      .check("decoder_channels", [&options] { return check_channels(options); });
  return table;
}

std::shared_ptr<Segmenter> make_unet(const UnetOptions& options, uint64_t seed) {
  std::unique_ptr<Encoder> encoder = make_encoder(options);
  auto decoder = std::make_unique<UnetDecoder>(encoder->channels(), options);
  auto head = std::make_unique<SegmentationHead>(options.decoder_channels.back(), options.classes, /*kernel=*/3);
  auto labels = make_classification_head(options, *encoder);
  const SegmenterInfo info{.architecture = "unet",
                           .in_channels = options.in_channels,
                           .classes = options.classes,
                           .stride = int64_t{1} << options.encoder_depth,
                           .label_classes = options.aux_classes};
  return std::make_shared<EncoderDecoder>(info, std::move(encoder), std::move(decoder), std::move(head), std::move(labels), seed);
}

void register_unet(Registry& models) {
  models.add<UnetOptions>("unet", "U-Net whose contracting path is an encoder network",
                          "Ronneberger et al. 2015, arXiv 1505.04597; segmentation_models.pytorch", make_unet);
}

}  // namespace larmor::models
