#include "models/linknet.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

namespace larmor::models {

namespace {

constexpr int64_t kLastChannels = 32;
constexpr int64_t kReduction = 4;

/// `block.0` 1x1 to a quarter of the channels, `block.1` doubles the size, `block.2` 1x1.
class DecoderBlock : public Module {
 public:
  DecoderBlock(int64_t in_channels, int64_t out_channels) {
    const int64_t narrow = in_channels / kReduction;
    narrow_ = register_module("block.0", make_unit({.in_channels = in_channels, .out_channels = narrow, .bias = false}, false));
    const Conv2dOptions doubling{.in_channels = narrow, .out_channels = narrow, .kernel = 4, .stride = 2, .padding = 1};
    double_ = register_module("block.1", make_unit(doubling, /*is_transposed=*/true));
    widen_ = register_module("block.2", make_unit({.in_channels = narrow, .out_channels = out_channels, .bias = false}, false));
  }

  at::Tensor forward(const at::Tensor& x) const { return widen_->forward(double_->forward(narrow_->forward(x))); }

 private:
  static std::unique_ptr<FusedConv> make_unit(const Conv2dOptions& conv, bool is_transposed) {
    return std::make_unique<FusedConv>(FusedConvOptions{.conv = conv, .is_transposed = is_transposed});
  }

  FusedConv *narrow_, *double_, *widen_;
};

class LinkNetDecoder : public Decoder {
 public:
  /// `channels`: of the encoder's maps, the image first.
  explicit LinkNetDecoder(const std::vector<int64_t>& channels) {
    for (size_t level = channels.size() - 1; level > 0; --level) {
      const int64_t out = level > 1 ? channels[level - 1] : kLastChannels;
      const std::string name = "blocks." + std::to_string(blocks_.size());
      blocks_.push_back(register_module(name, std::make_unique<DecoderBlock>(channels[level], out)));
    }
  }

  at::Tensor forward(const std::vector<at::Tensor>& features) override {
    at::Tensor x = features.back();
    for (size_t i = 0; i < blocks_.size(); ++i) {
      x = blocks_[i]->forward(x);
      const size_t level = blocks_.size() - 1 - i;
      if (level == 0) continue;
      // With gradients not in place: the ReLU before keeps its result for the backward pass.
      x = at::GradMode::is_enabled() ? x + features[level] : x.add_(features[level]);
    }
    return x;
  }

 private:
  std::vector<DecoderBlock*> blocks_;
};

}  // namespace

OptionTable options_of(LinkNetOptions& options) { return common_options_of(options); }

std::shared_ptr<Segmenter> make_linknet(const LinkNetOptions& options, uint64_t seed) {
  std::unique_ptr<Encoder> encoder = make_encoder(options);
  auto decoder = std::make_unique<LinkNetDecoder>(encoder->channels());
  auto head = std::make_unique<SegmentationHead>(kLastChannels, options.classes, /*kernel=*/1);
  auto labels = make_classification_head(options, *encoder);
  const SegmenterInfo info{.architecture = "linknet",
                           .in_channels = options.in_channels,
                           .classes = options.classes,
                           .stride = int64_t{1} << options.encoder_depth,
                           .label_classes = options.aux_classes};
  return std::make_shared<EncoderDecoder>(info, std::move(encoder), std::move(decoder), std::move(head), std::move(labels), seed);
}

void register_linknet(Registry& models) {
  models.add<LinkNetOptions>("linknet", "LinkNet, a light decoder that adds encoder maps",
                             "Chaurasia & Culurciello 2017, arXiv 1707.03718; segmentation_models.pytorch", make_linknet);
}

}  // namespace larmor::models
