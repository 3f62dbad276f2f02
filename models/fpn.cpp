#include "models/fpn.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "models/interpolation.h"

namespace larmor::models {

namespace {

constexpr int64_t kGroups = 32;
constexpr size_t kLevels = 4;

std::unique_ptr<FusedConv> make_lateral(int64_t in_channels, int64_t out_channels) {
  const Conv2dOptions conv{.in_channels = in_channels, .out_channels = out_channels};
  return std::make_unique<FusedConv>(FusedConvOptions{.conv = conv, .has_relu = false, .conv_name = "", .norm_name = ""});
}

/// `block.0` 3x3 convolution, `block.1` group norm; ReLU; enlargement where wanted.
class BranchStep : public Module {
 public:
  BranchStep(int64_t in_channels, int64_t out_channels, bool doubles) : doubles_(doubles) {
    const Conv2dOptions conv{.in_channels = in_channels, .out_channels = out_channels, .kernel = 3, .padding = 1, .bias = false};
    conv_ = register_module(
        "", std::make_unique<FusedConv>(FusedConvOptions{.conv = conv, .has_relu = false, .conv_name = "block.0", .norm_name = ""}));
    norm_ = register_module("block.1", std::make_unique<GroupNorm>(kGroups, out_channels));
  }

  at::Tensor forward(const at::Tensor& x) const {
    const at::Tensor y = norm_->forward(conv_->forward(x)).relu_();  // in place: the norm keeps its input, not its result
    return doubles_ ? upsample_bilinear_aligned(y, 2 * y.size(2), 2 * y.size(3)) : y;
  }

 private:
  FusedConv* conv_;
  GroupNorm* norm_;
  bool doubles_;
};

/// Brings one level to the size of the finest: `block.0`, `block.1`, …
class Branch : public Module {
 public:
  Branch(int64_t in_channels, int64_t out_channels, size_t doublings) {
    for (size_t i = 0; i < std::max<size_t>(doublings, 1); ++i) {
      auto step = std::make_unique<BranchStep>(i == 0 ? in_channels : out_channels, out_channels, doublings > 0);
      steps_.push_back(register_module("block." + std::to_string(i), std::move(step)));
    }
  }

  at::Tensor forward(at::Tensor x) const {
    for (const BranchStep* step : steps_) x = step->forward(x);
    return x;
  }

 private:
  std::vector<BranchStep*> steps_;
};

class FpnDecoder : public Decoder {
 public:
  /// `channels`: of the encoder's maps, the image first.
  FpnDecoder(const std::vector<int64_t>& channels, const FpnOptions& options)
      : interpolation_(options.interpolation), concatenates_(options.merge_policy == "cat") {
    const std::array<const char*, kLevels> names = {"p5", "p4.skip_conv", "p3.skip_conv", "p2.skip_conv"};
    for (size_t i = 0; i < kLevels; ++i) {
      laterals_[i] = register_module(names[i], make_lateral(channels[channels.size() - 1 - i], options.pyramid_channels));
    }
    for (size_t i = 0; i < kLevels; ++i) {
      auto branch = std::make_unique<Branch>(options.pyramid_channels, options.segmentation_channels, kLevels - 1 - i);
      branches_[i] = register_module("seg_blocks." + std::to_string(i), std::move(branch));
    }
    dropout_ = register_module("dropout", std::make_unique<Dropout2d>(options.dropout));
  }

  at::Tensor forward(const std::vector<at::Tensor>& features) override {
    std::vector<at::Tensor> outputs;
    at::Tensor level;
    for (size_t i = 0; i < kLevels; ++i) {
      const at::Tensor lateral = laterals_[i]->forward(features[features.size() - 1 - i]);
      level = i == 0 ? lateral : interpolate(level, lateral.size(2), lateral.size(3), interpolation_).add_(lateral);
      outputs.push_back(branches_[i]->forward(level));
    }
    return dropout_->forward(merge(outputs));
  }

 private:
  at::Tensor merge(const std::vector<at::Tensor>& outputs) const {
    if (concatenates_) return at::cat(outputs, 1);
    at::Tensor sum = outputs[0] + outputs[1];
    for (size_t i = 2; i < kLevels; ++i) sum.add_(outputs[i]);
    return sum;
  }

  std::string interpolation_;
  bool concatenates_;
  std::array<FusedConv*, kLevels> laterals_{};
  std::array<Branch*, kLevels> branches_{};
  Dropout2d* dropout_;
};

/// What gives logits of the image's size.
int64_t needed_upsampling(const FpnOptions& options) { return int64_t{1} << (options.encoder_depth - 3); }

std::string check_upsampling(const FpnOptions& options) {
  const int64_t needed = needed_upsampling(options);
  if (options.upsampling == needed) return "";
  return fmt::format("{} gives logits of another size than the image; encoder_depth {} needs {}", options.upsampling, options.encoder_depth,
                     needed);
}

std::string check_groups(const FpnOptions& options) {
  if (options.segmentation_channels % kGroups == 0) return "";
  return fmt::format("{} channels cannot be normalised in {} groups; must be a multiple of {}", options.segmentation_channels, kGroups,
                     kGroups);
}

}  // namespace

OptionTable options_of(FpnOptions& options) {
  OptionTable table = common_options_of(options);
  table.add("pyramid_channels", options.pyramid_channels, "width of the pyramid", at_least(1))
      .add("segmentation_channels", options.segmentation_channels, "width of the four branches, a multiple of 32", at_least(1))
      .add("merge_policy", options.merge_policy, "how the branches are merged", {"add", "cat"})
      .add("dropout", options.dropout, "probability that a merged channel is dropped in training", from_up_to(0, 1))
      .add("interpolation", options.interpolation, "how a coarser level is enlarged", interpolation_modes())
      .add("upsampling", options.upsampling, "enlargement of the head; 4, 2, 1 for encoder_depth 5, 4, 3", at_least(1))
      .check("segmentation_channels", [&options] { return check_groups(options); })
      .check("upsampling", [&options] { return check_upsampling(options); });
  return table;
}

std::shared_ptr<Segmenter> make_fpn(const FpnOptions& options, uint64_t seed) {
  std::unique_ptr<Encoder> encoder = make_encoder(options);
  auto decoder = std::make_unique<FpnDecoder>(encoder->channels(), options);
  const int64_t width = options.segmentation_channels * (options.merge_policy == "cat" ? static_cast<int64_t>(kLevels) : 1);
  auto head = std::make_unique<SegmentationHead>(width, options.classes, /*kernel=*/1, options.upsampling);
  auto labels = make_classification_head(options, *encoder);
  const SegmenterInfo info{.architecture = "fpn",
                           .in_channels = options.in_channels,
                           .classes = options.classes,
                           .stride = int64_t{1} << options.encoder_depth,
                           .label_classes = options.aux_classes};
  return std::make_shared<EncoderDecoder>(info, std::move(encoder), std::move(decoder), std::move(head), std::move(labels), seed);
}

void register_fpn(Registry& models) {
  models.add<FpnOptions>("fpn", "FPN, a feature pyramid whose four levels are segmented and merged",
                         "Kirillov et al. 2019, arXiv 1901.02446; segmentation_models.pytorch", make_fpn);
}

}  // namespace larmor::models
