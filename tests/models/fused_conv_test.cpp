#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include "models/layers.h"
#include "models/onednn.h"
#include "tests/models/support.h"

namespace larmor::models {
namespace {

using testing::filled;
using testing::max_abs;

TEST(FusedConv, IsItsThreeLayersOneAfterAnother) {
  for (const bool is_transposed : {false, true}) {
    for (const bool has_relu : {false, true}) {
      const Conv2dOptions conv{
          .in_channels = 4, .out_channels = 6, .kernel = 4, .stride = 2, .padding = 1, .groups = is_transposed ? 1 : 2};
      FusedConv fused({.conv = conv, .is_transposed = is_transposed, .has_relu = has_relu, .conv_name = "conv", .norm_name = "bn"});
      testing::fill_weights(fused);
      fused.eval();
      const NamedTensors state = fused.state_dict();
      const auto at_name = [&](const std::string& name) { return testing::find_tensor(state, name); };
      const at::Tensor x = filled("x", {2, 4, 8, 6});
      at::Tensor y = is_transposed ? at::conv_transpose2d(x, at_name("conv.weight"), at_name("conv.bias"), 2, 1)
                                   : at::conv2d(x, at_name("conv.weight"), at_name("conv.bias"), 2, 1, 1, 2);
      y = at::batch_norm(y, at_name("bn.weight"), at_name("bn.bias"), at_name("bn.running_mean"), at_name("bn.running_var"), false, 0.1,
                         1e-5, false);
      if (has_relu) y = at::relu(y);
      EXPECT_TRUE(at::equal(fused.forward(x), y));
      EXPECT_EQ(has_relu, y.min().item<double>() >= 0);
    }
  }
}

/// Every kind of block that the networks are made of.
std::vector<FusedConvOptions> blocks() {
  return {
      {.conv = {.in_channels = 16, .out_channels = 32, .bias = false}},
      {.conv = {.in_channels = 16, .out_channels = 32, .kernel = 3, .stride = 2, .padding = 1}, .has_relu = false},
      {.conv = {.in_channels = 16, .out_channels = 16, .kernel = 3, .padding = 1, .groups = 4, .bias = false}},
      {.conv = {.in_channels = 3, .out_channels = 5, .kernel = 3, .padding = 1}, .has_relu = false, .norm_name = ""},
      {.conv = {.in_channels = 16, .out_channels = 8, .kernel = 4, .stride = 2, .padding = 1}, .is_transposed = true},
      {.conv = {.in_channels = 16, .out_channels = 8, .kernel = 4, .stride = 2, .padding = 1}, .is_transposed = true, .norm_name = ""},
  };
}

TEST(FusedConv, PreparedDiffersByRounding) {
  if (!onednn::is_available()) GTEST_SKIP() << "this LibTorch has no fused convolutions";
  const at::NoGradGuard no_grad;
  for (size_t i = 0; i < blocks().size(); ++i) {
    SCOPED_TRACE(i);
    FusedConv block(blocks()[i]);
    testing::fill_weights(block);
    block.eval();
    const int64_t channels = blocks()[i].conv.in_channels;
    block.prepare_inference();
    for (const auto& [images, height, width] : std::vector<std::array<int64_t, 3>>{{1, 8, 6}, {2, 8, 6}, {1, 16, 12}}) {
      const at::Tensor x = filled("x", {images, channels, height, width});
      ASSERT_TRUE(block.is_fast(x));
      const at::Tensor prepared = block.forward(x);
      block.drop_inference();
      const at::Tensor plain = block.forward(x);
      block.prepare_inference();
      EXPECT_LE(max_abs(prepared - plain), 1e-5 * std::max(1.0, max_abs(plain)));
    }
  }
}

TEST(FusedConv, IsFastOnlyInEvalModeWithoutGradientsForFloatsOnTheCpu) {
  if (!onednn::is_available()) GTEST_SKIP() << "this LibTorch has no fused convolutions";
  FusedConv block(blocks()[0]);
  testing::fill_weights(block);
  const at::Tensor x = filled("x", {1, 16, 4, 4});
  block.eval();
  EXPECT_FALSE(block.is_fast(x)) << "not prepared";
  block.prepare_inference();
  EXPECT_FALSE(block.is_fast(x)) << "gradients are on";
  const at::NoGradGuard no_grad;
  EXPECT_TRUE(block.is_fast(x));
  EXPECT_FALSE(block.is_fast(x.to(at::kDouble)));
  block.train();
  EXPECT_FALSE(block.is_fast(x)) << "training";
}

TEST(FusedConv, ManySizesOneAfterAnotherKeepTheirValues) {
  if (!onednn::is_available()) GTEST_SKIP() << "this LibTorch has no fused convolutions";
  const at::NoGradGuard no_grad;
  FusedConv block(blocks()[1]);
  testing::fill_weights(block);
  block.eval();
  block.prepare_inference();
  const at::Tensor x = filled("x", {1, 16, 6, 6}), first = block.forward(x);
  for (int64_t size = 4; size < 24; size += 2) block.forward(filled("y", {1, 16, size, 6}));  // more than are kept
  EXPECT_TRUE(at::equal(block.forward(x), first));
}

}  // namespace
}  // namespace larmor::models
