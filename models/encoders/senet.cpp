#include "models/encoders/senet.h"

#include <ATen/ATen.h>

#include <array>

#include "models/layers.h"
#include "models/loops.h"

namespace larmor::models::encoders {

namespace {

constexpr int64_t kStages = 4;
constexpr std::array<int64_t, kStages> kPlanes = {64, 128, 256, 512};
constexpr int64_t kExpansion = 4;  // block output channels per plane
constexpr int64_t kReduction = 16;
constexpr int64_t kFirstStageStride = 4;  // of the stem and its pool

/// What tells the two networks apart.
struct Numbers {
  std::array<int64_t, kStages> blocks;
  int64_t groups;
  bool has_deep_stem;         ///< three 3x3 convolutions instead of one 7x7
  int64_t grouped_expansion;  ///< output channels of the grouped convolution per plane
  int64_t shortcut_kernel;    ///< of stages 2-4; stage 1 has kernel 1
};

constexpr Numbers kSeResNext50{.blocks = {3, 4, 6, 3}, .groups = 32, .has_deep_stem = false, .grouped_expansion = 2, .shortcut_kernel = 1};
constexpr Numbers kSeNet154{.blocks = {3, 8, 36, 3}, .groups = 64, .has_deep_stem = true, .grouped_expansion = 4, .shortcut_kernel = 3};

int64_t stem_channels(const Numbers& numbers) { return numbers.has_deep_stem ? 128 : 64; }

/// Convolution without bias, batch norm and, where wanted, ReLU.
std::unique_ptr<FusedConv> make_conv_norm(Conv2dOptions conv, const std::string& conv_name, const std::string& norm_name,
                                          bool has_relu = true) {
  conv.bias = false;
  return std::make_unique<FusedConv>(FusedConvOptions{.conv = conv, .has_relu = has_relu, .conv_name = conv_name, .norm_name = norm_name});
}

/// The gate: per image and channel, a factor in (0, 1) from the channel means.
class SEModule : public Module {
 public:
  explicit SEModule(int64_t channels)
      : fc1_(register_module("fc1", std::make_unique<Conv2d>(Conv2dOptions{channels, channels / kReduction}))),
        fc2_(register_module("fc2", std::make_unique<Conv2d>(Conv2dOptions{channels / kReduction, channels}))) {}

  /// relu(x * gate + shortcut).
  at::Tensor forward(const at::Tensor& x, const at::Tensor& shortcut) const {
    const at::Tensor gate = gate_of(x.mean({2, 3}, /*keepdim=*/true));
    // In place: the product keeps its factors for the backward pass, not its result.
    return (x * gate).add_(shortcut).relu_();
  }

  /// The same in two passes over memory, for prepared inference.
  at::Tensor forward_fast(at::Tensor x, const at::Tensor& shortcut) const {
    const at::Tensor means = loops::channel_means(x);
    loops::gate_add_relu_in_place(x, gate_of(means.view({x.size(0), x.size(1), 1, 1})), shortcut);
    return x;
  }

 private:
  at::Tensor gate_of(const at::Tensor& means) const { return at::sigmoid(fc2_->forward(fc1_->forward(means).relu_())); }

  Conv2d* fc1_;
  Conv2d* fc2_;
};

class Bottleneck : public Module {
 public:
  Bottleneck(const Numbers& numbers, int64_t in_channels, int64_t planes, int64_t stride, int64_t dilation, const Conv2dOptions* shortcut) {
    const int64_t narrow = 2 * planes, grouped = numbers.grouped_expansion * planes, out = kExpansion * planes;
    const Conv2dOptions first{.in_channels = in_channels, .out_channels = narrow};
    const Conv2dOptions second{.in_channels = narrow,
                               .out_channels = grouped,
                               .kernel = 3,
                               .stride = stride,
                               .padding = dilation,
                               .dilation = dilation,
                               .groups = numbers.groups};
    const Conv2dOptions third{.in_channels = grouped, .out_channels = out};
    conv1_ = register_module("", make_conv_norm(first, "conv1", "bn1"));
    conv2_ = register_module("", make_conv_norm(second, "conv2", "bn2"));
    conv3_ = register_module("", make_conv_norm(third, "conv3", "bn3", /*has_relu=*/false));
    se_module_ = register_module("se_module", std::make_unique<SEModule>(out));
    if (shortcut) shortcut_ = register_module("downsample", make_conv_norm(*shortcut, "0", "1", /*has_relu=*/false));
  }

  at::Tensor forward(const at::Tensor& x) const {
    const at::Tensor y = conv3_->forward(conv2_->forward(conv1_->forward(x)));
    const at::Tensor shortcut = shortcut_ ? shortcut_->forward(x) : x;
    return conv3_->is_fast(y) ? se_module_->forward_fast(y, shortcut) : se_module_->forward(y, shortcut);
  }

 private:
  FusedConv *conv1_, *conv2_, *conv3_;
  SEModule* se_module_;
  FusedConv* shortcut_ = nullptr;
};

/// Stride 2: one 7x7 convolution, or three 3x3.
class Stem : public Module {
 public:
  Stem(const Numbers& numbers, int64_t in_channels) {
    if (!numbers.has_deep_stem) {
      add({.in_channels = in_channels, .out_channels = 64, .kernel = 7, .stride = 2, .padding = 3});
      return;
    }
    add({.in_channels = in_channels, .out_channels = 64, .kernel = 3, .stride = 2, .padding = 1});
    add({.in_channels = 64, .out_channels = 64, .kernel = 3, .padding = 1});
    add({.in_channels = 64, .out_channels = stem_channels(numbers), .kernel = 3, .padding = 1});
  }

  at::Tensor forward(at::Tensor x) const {
    for (const FusedConv* conv : convs_) x = conv->forward(x);
    return x;
  }
  bool is_fast(const at::Tensor& x) const { return convs_.back()->is_fast(x); }

 private:
  void add(const Conv2dOptions& conv) {
    const std::string number = std::to_string(convs_.size() + 1);
    convs_.push_back(register_module("", make_conv_norm(conv, "conv" + number, "bn" + number)));
  }

  std::vector<FusedConv*> convs_;
};

class Stage : public Module {
 public:
  /// Halves the size (the first stage keeps it), or dilates where that would exceed the output stride.
  Stage(const Numbers& numbers, size_t index, int64_t in_channels, int64_t output_stride) {
    const int64_t planes = kPlanes[index], out = kExpansion * planes, kernel = index == 0 ? 1 : numbers.shortcut_kernel;
    const int64_t dilation = std::max<int64_t>(1, (kFirstStageStride << index) / output_stride);
    const int64_t stride = index == 0 || dilation > 1 ? 1 : 2;
    const Conv2dOptions shortcut{.in_channels = in_channels,
                                 .out_channels = out,
                                 .kernel = kernel,
                                 .stride = stride,
                                 .padding = kernel / 2 * dilation,
                                 .dilation = dilation};
    for (int64_t i = 0; i < numbers.blocks[index]; ++i) {
      auto block = std::make_unique<Bottleneck>(numbers, i == 0 ? in_channels : out, planes, i == 0 ? stride : 1, dilation,
                                                i == 0 ? &shortcut : nullptr);
      blocks_.push_back(register_module(std::to_string(i), std::move(block)));
    }
  }

  at::Tensor forward(at::Tensor x) const {
    for (const Bottleneck* block : blocks_) x = block->forward(x);
    return x;
  }

 private:
  std::vector<Bottleneck*> blocks_;
};

class SENet : public Encoder {
 public:
  SENet(const Numbers& numbers, const EncoderArguments& arguments) : depth_(arguments.depth), channels_{arguments.in_channels} {
    stem_ = register_module("layer0", std::make_unique<Stem>(numbers, arguments.in_channels));
    channels_.push_back(stem_channels(numbers));
    for (size_t i = 0; i < kStages; ++i) {
      stages_.push_back(register_module(stage_name(i), std::make_unique<Stage>(numbers, i, channels_.back(), arguments.output_stride)));
      channels_.push_back(kExpansion * kPlanes[i]);
    }
    channels_.resize(static_cast<size_t>(depth_) + 1);
  }

  std::vector<at::Tensor> features(const at::Tensor& image) override {
    std::vector<at::Tensor> maps = {image, stem_->forward(image)};
    at::Tensor x = pool(maps.back());
    for (size_t i = 0; i < used_stages(); ++i) {
      x = stages_[i]->forward(x);
      maps.push_back(x);
    }
    return maps;
  }

  std::vector<int64_t> channels() const override { return channels_; }

  std::vector<std::string> unused_parameters() const override {
    std::vector<std::string> names;
    for (size_t i = used_stages(); i < stages_.size(); ++i) {
      for (const auto& [name, parameter] : stages_[i]->named_parameters()) names.push_back(stage_name(i) + "." + name);
    }
    return names;
  }

 private:
  at::Tensor pool(const at::Tensor& x) const {
    if (stem_->is_fast(x)) return loops::max_pool_3x3_stride_2(x);
    return at::max_pool2d(x, /*kernel_size=*/3, /*stride=*/2, /*padding=*/0, /*dilation=*/1, /*ceil_mode=*/true);
  }
  static std::string stage_name(size_t index) { return "layer" + std::to_string(index + 1); }
  size_t used_stages() const { return static_cast<size_t>(depth_) - 1; }

  int64_t depth_;
  std::vector<int64_t> channels_;
  Stem* stem_;
  std::vector<Stage*> stages_;
};

auto make(const Numbers& numbers) {
  return [numbers](const SENetOptions&, const EncoderArguments& arguments) -> std::unique_ptr<Encoder> {
    return std::make_unique<SENet>(numbers, arguments);
  };
}

}  // namespace

OptionTable options_of(SENetOptions&) { return {}; }

void register_senet(Registry& encoders) {
  encoders.add<SENetOptions>("se_resnext50_32x4d", "SE-ResNeXt 50, 32 groups of 4 channels, 25.5 M parameters",
                             "Hu et al. 2018, arXiv 1709.01507; segmentation_models.pytorch", make(kSeResNext50));
  encoders.add<SENetOptions>("senet154", "SENet 154, 64 groups, deep stem, 113.0 M parameters",
                             "Hu et al. 2018, arXiv 1709.01507; segmentation_models.pytorch", make(kSeNet154));
}

}  // namespace larmor::models::encoders
