#include "models/buda_unet.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "models/weights/weights.h"
#include "tests/models/model_contract.h"
#include "tests/models/support.h"

namespace larmor::models {
namespace {

using testing::find_tensor;

/// One stage's part of the published state dict.
std::string stage_manifest(const std::string& stage, const std::string& prefix, int64_t in, int64_t out) {
  std::string text;
  for (const int number : {1, 2}) {
    text += fmt::format("{}.{}conv{}.weight\t{}x{}x3x3\n", stage, prefix, number, out, number == 1 ? in : out);
    for (const char* leaf : {"weight", "bias", "running_mean", "running_var"}) {
      text += fmt::format("{}.{}norm{}.{}\t{}\n", stage, prefix, number, leaf, out);
    }
    text += fmt::format("{}.{}norm{}.num_batches_tracked\tscalar\n", stage, prefix, number);
  }
  return text;
}

TEST(BudaUnet, StateIsThatOfThePublishedWeights) {
  std::string expected = stage_manifest("encoder1", "enc1", 3, 32) + stage_manifest("encoder2", "enc2", 32, 64) +
                         stage_manifest("encoder3", "enc3", 64, 128) + stage_manifest("encoder4", "enc4", 128, 256) +
                         stage_manifest("bottleneck", "bottleneck", 256, 512);
  for (const auto& [number, width] : {std::pair<int, int64_t>{4, 256}, {3, 128}, {2, 64}, {1, 32}}) {
    expected += fmt::format("upconv{0}.weight\t{1}x{2}x2x2\nupconv{0}.bias\t{2}\n", number, 2 * width, width);
    expected += stage_manifest(fmt::format("decoder{}", number), fmt::format("dec{}", number), 2 * width, width);
  }
  expected += "conv.weight\t1x32x1x1\nconv.bias\t1\n";
  const auto model = testing::make_model("buda_unet");
  EXPECT_EQ(state_manifest(*model), expected);
  EXPECT_EQ(model->state_dict().size(), 118u);
  EXPECT_EQ(model->parameter_count(), 7763041);
  EXPECT_EQ(model->info().stride, 16);
}

/// The network from its published description, by the names of its weights.
class Definition {
 public:
  explicit Definition(NamedTensors state) : state_(std::move(state)) {}

  at::Tensor logits(at::Tensor x) const {
    std::vector<at::Tensor> maps;
    for (const char* number : {"1", "2", "3", "4"}) {
      maps.push_back(stage(x, std::string("encoder") + number + ".enc" + number));
      x = maps.back().unfold(2, 2, 2).unfold(3, 2, 2).amax({4, 5});
    }
    x = stage(x, "bottleneck.bottleneck");
    for (const char* number : {"4", "3", "2", "1"}) {
      const std::string up = std::string("upconv") + number;
      x = at::conv_transpose2d(x, weight(up + ".weight"), weight(up + ".bias"), /*stride=*/2);
      x = stage(at::cat({x, maps.back()}, 1), std::string("decoder") + number + ".dec" + number);
      maps.pop_back();
    }
    return at::conv2d(x, weight("conv.weight"), weight("conv.bias"));
  }

 private:
  at::Tensor weight(const std::string& name) const { return find_tensor(state_, name); }

  at::Tensor stage(at::Tensor x, const std::string& prefix) const {
    for (const char* number : {"1", "2"}) {
      const std::string norm = prefix + "norm" + number;
      x = at::conv2d(x, weight(prefix + "conv" + number + ".weight"), {}, /*stride=*/1, /*padding=*/1);
      const auto wide = [&](const char* leaf) { return weight(norm + leaf).view({1, -1, 1, 1}); };
      x = (x - wide(".running_mean")) / (wide(".running_var") + 1e-5).sqrt() * wide(".weight") + wide(".bias");
      x = x.clamp_min(0);
    }
    return x;
  }

  NamedTensors state_;
};

TEST(BudaUnet, ComputesThePublishedNetwork) {
  const testing::ModelOptions options = {{"init_features", "4"}, {"in_channels", "2"}, {"classes", "3"}};
  const auto model = testing::make_model("buda_unet", options);
  testing::fill_weights(*model);
  model->eval();
  const at::NoGradGuard no_grad;
  const at::Tensor image = testing::filled("image", {2, 2, 32, 48});
  const at::Tensor expected = Definition(model->state_dict()).logits(image);
  EXPECT_LE(testing::max_abs(model->forward(image) - expected), 1e-5 * testing::max_abs(expected));
}

TEST(BudaUnet, OtherWidthsKeepTheContract) {
  const testing::ModelOptions options = {{"init_features", "3"}};
  testing::expect_gradients_reach_used_parameters("buda_unet", options);
  testing::expect_prepared_equals_plain("buda_unet", options);
}

}  // namespace
}  // namespace larmor::models
