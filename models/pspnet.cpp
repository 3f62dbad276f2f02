#include "models/pspnet.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <array>

#include "models/interpolation.h"

namespace larmor::models {

namespace {

constexpr std::array<int64_t, 4> kParts = {1, 2, 3, 6};  // along each side

class PspDecoder : public Decoder {
 public:
  PspDecoder(int64_t in_channels, const PspNetOptions& options) {
    const int64_t narrow = in_channels / static_cast<int64_t>(kParts.size());
    for (size_t i = 0; i < kParts.size(); ++i) {
      const bool has_norm = kParts[i] > 1;  // one value per channel has no variance
      const Conv2dOptions conv{.in_channels = in_channels, .out_channels = narrow, .bias = !has_norm};
      parts_[i] = register_module("psp.blocks." + std::to_string(i) + ".pool.1",
                                  std::make_unique<FusedConv>(FusedConvOptions{.conv = conv, .norm_name = has_norm ? "1" : ""}));
    }
    const Conv2dOptions conv{.in_channels = 2 * in_channels, .out_channels = options.psp_out_channels, .bias = false};
    conv_ = register_module("conv", std::make_unique<FusedConv>(FusedConvOptions{.conv = conv}));
    dropout_ = register_module("dropout", std::make_unique<Dropout2d>(options.psp_dropout));
  }

  at::Tensor forward(const std::vector<at::Tensor>& features) override {
    const at::Tensor& map = features.back();
    std::vector<at::Tensor> all;
    for (size_t i = 0; i < kParts.size(); ++i) {
      const at::Tensor part = parts_[i]->forward(at::adaptive_avg_pool2d(map, {kParts[i], kParts[i]}));
      all.push_back(upsample_bilinear_aligned(part, map.size(2), map.size(3)));
    }
    all.push_back(map);
    return dropout_->forward(conv_->forward(at::cat(all, 1)));
  }

 private:
  std::array<FusedConv*, kParts.size()> parts_{};
  FusedConv* conv_;
  Dropout2d* dropout_;
};

int64_t stride_of(const PspNetOptions& options) {
  return EncoderArguments{.depth = options.encoder_depth, .output_stride = options.output_stride}.stride();
}

std::string check_output_stride(const PspNetOptions& options) {
  const bool is_allowed = options.output_stride == 8 || options.output_stride == 16 || options.output_stride == 32;
  return is_allowed ? "" : fmt::format("{} is not allowed; must be 8, 16 or 32", options.output_stride);
}

std::string check_upsampling(const PspNetOptions& options) {
  if (options.upsampling == stride_of(options)) return "";
  return fmt::format("{} gives logits of another size than the image; encoder_depth {} with output_stride {} needs {}", options.upsampling,
                     options.encoder_depth, options.output_stride, stride_of(options));
}

}  // namespace

OptionTable options_of(PspNetOptions& options) {
  OptionTable table = common_options_of(options);
  table
      .add("output_stride", options.output_stride,
           "8, 16 or 32: the encoder dilates instead of going beyond it, and sizes need be multiples of it only; 8 with encoder_depth 5 is "
           "the paper's network",
           between(8, 32))
      .add("psp_out_channels", options.psp_out_channels, "width of the map in front of the head", at_least(1))
      .add("psp_dropout", options.psp_dropout, "probability that a channel of it is dropped in training", from_up_to(0, 1))
      .add("upsampling", options.upsampling, "enlargement of the head; min(output_stride, 2^encoder_depth)", at_least(1))
      .check("output_stride", [&options] { return check_output_stride(options); })
      .check("upsampling", [&options] { return check_upsampling(options); });
  return table;
}

std::shared_ptr<Segmenter> make_pspnet(const PspNetOptions& options, uint64_t seed) {
  std::unique_ptr<Encoder> encoder = make_encoder(options, options.output_stride);
  auto decoder = std::make_unique<PspDecoder>(encoder->channels().back(), options);
  auto head = std::make_unique<SegmentationHead>(options.psp_out_channels, options.classes, /*kernel=*/3, options.upsampling);
  auto labels = make_classification_head(options, *encoder);
  const SegmenterInfo info{.architecture = "pspnet",
                           .in_channels = options.in_channels,
                           .classes = options.classes,
                           .stride = stride_of(options),
                           .label_classes = options.aux_classes};
  return std::make_shared<EncoderDecoder>(info, std::move(encoder), std::move(decoder), std::move(head), std::move(labels), seed);
}

void register_pspnet(Registry& models) {
  models.add<PspNetOptions>("pspnet", "PSPNet, one encoder map beside its means over parts of the image",
                            "Zhao et al. 2017, arXiv 1612.01105; segmentation_models.pytorch", make_pspnet);
}

}  // namespace larmor::models
