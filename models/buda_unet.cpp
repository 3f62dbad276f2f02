#include "models/buda_unet.h"

#include <ATen/ATen.h>

#include <array>

#include "models/init.h"
#include "models/layers.h"
#include "models/side_by_side.h"

namespace larmor::models {

namespace {

constexpr int64_t kStages = 4;

/// Two convolutions, `<prefix>conv1`, `<prefix>norm1`, `<prefix>conv2`, `<prefix>norm2`.
class Stage : public Module {
 public:
  Stage(int64_t in_channels, int64_t features, const std::string& prefix)
      : first_(register_module("", make_conv(in_channels, features, prefix, "1"))),
        second_(register_module("", make_conv(features, features, prefix, "2"))) {}

  at::Tensor forward(const at::Tensor& x) const { return second_->forward(first_->forward(x)); }

 private:
  static std::unique_ptr<FusedConv> make_conv(int64_t in_channels, int64_t out_channels, const std::string& prefix,
                                              const std::string& number) {
    const Conv2dOptions conv{.in_channels = in_channels, .out_channels = out_channels, .kernel = 3, .padding = 1, .bias = false};
    return std::make_unique<FusedConv>(
        FusedConvOptions{.conv = conv, .conv_name = prefix + "conv" + number, .norm_name = prefix + "norm" + number});
  }

  FusedConv *first_, *second_;
};

class BudaUnet : public Segmenter {
 public:
  BudaUnet(const BudaUnetOptions& options, uint64_t seed)
      : info_{
            .architecture = "buda_unet", .in_channels = options.in_channels, .classes = options.classes, .stride = int64_t{1} << kStages} {
    int64_t in = options.in_channels;
    for (int64_t i = 0; i < kStages; ++i) {
      const int64_t width = options.init_features << i;
      contracting_.push_back(add_stage("encoder" + std::to_string(i + 1), "enc" + std::to_string(i + 1), in, width));
      in = width;
    }
    bottleneck_ = add_stage("bottleneck", "bottleneck", in, 2 * in);
    for (int64_t i = kStages; i > 0; --i) {
      const int64_t width = options.init_features << (i - 1);
      doubling_.push_back(register_module("upconv" + std::to_string(i), make_doubling(2 * width, width)));
      expanding_.push_back(add_stage("decoder" + std::to_string(i), "dec" + std::to_string(i), 2 * width, width));
    }
    const Conv2dOptions head{.in_channels = options.init_features, .out_channels = options.classes};
    head_ = register_module(
        "", std::make_unique<FusedConv>(FusedConvOptions{.conv = head, .has_relu = false, .conv_name = "conv", .norm_name = ""}));
    initialise_default(*this, seed);
  }

  const SegmenterInfo& info() const override { return info_; }

 protected:
  at::Tensor forward_checked(const at::Tensor& image) override {
    if (!head_->is_fast(image)) return forward_plain(image);
    return forward_side_by_side(image, info_.classes, [this](const at::Tensor& part) { return forward_plain(part); });
  }

 private:
  Stage* add_stage(const std::string& name, const std::string& prefix, int64_t in_channels, int64_t features) {
    return register_module(name, std::make_unique<Stage>(in_channels, features, prefix));
  }

  static std::unique_ptr<FusedConv> make_doubling(int64_t in_channels, int64_t out_channels) {
    const Conv2dOptions conv{.in_channels = in_channels, .out_channels = out_channels, .kernel = 2, .stride = 2};
    return std::make_unique<FusedConv>(
        FusedConvOptions{.conv = conv, .is_transposed = true, .has_relu = false, .conv_name = "", .norm_name = ""});
  }

  at::Tensor forward_plain(at::Tensor x) const {
    std::array<at::Tensor, kStages> maps;
    for (size_t i = 0; i < maps.size(); ++i) {
      maps[i] = contracting_[i]->forward(x);
      x = at::max_pool2d(maps[i], /*kernel_size=*/2, /*stride=*/2);
    }
    x = bottleneck_->forward(x);
    for (size_t i = 0; i < maps.size(); ++i) {
      x = expanding_[i]->forward(at::cat({doubling_[i]->forward(x), maps[maps.size() - 1 - i]}, 1));
    }
    return head_->forward(x);
  }

  SegmenterInfo info_;
  std::vector<Stage*> contracting_, expanding_;
  Stage* bottleneck_;
  std::vector<FusedConv*> doubling_;
  FusedConv* head_;
};

}  // namespace

OptionTable options_of(BudaUnetOptions& options) {
  OptionTable table;
  table.add("init_features", options.init_features, "width of the first stage", at_least(1))
      .add("in_channels", options.in_channels, "input channels", between(1, 1024))
      .add("classes", options.classes, "output channels", between(1, 255));
  return table;
}

std::shared_ptr<Segmenter> make_buda_unet(const BudaUnetOptions& options, uint64_t seed) {
  return std::make_shared<BudaUnet>(options, seed);
}

void register_buda_unet(Registry& models) {
  models.add<BudaUnetOptions>("buda_unet", "the U-Net of the LGG segmentation study, 7.8 M parameters",
                              "Buda et al. 2019, doi 10.1016/j.compbiomed.2019.05.002; mateuszbuda/brain-segmentation-pytorch",
                              make_buda_unet);
}

}  // namespace larmor::models
