#include "models/layers.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"
#include "tests/models/support.h"

namespace larmor::models {
namespace {

using testing::filled;
using testing::max_abs;

/// out[o] = sum over taps of weight * input, written out: one image, one group after another.
at::Tensor convolve_by_definition(const at::Tensor& x, const Conv2d& layer) {
  const Conv2dOptions& o = layer.options();
  const at::Tensor padded = at::constant_pad_nd(x, {o.padding, o.padding, o.padding, o.padding});
  const int64_t reach = o.dilation * (o.kernel - 1) + 1;
  const int64_t height = (padded.size(2) - reach) / o.stride + 1, width = (padded.size(3) - reach) / o.stride + 1;
  const int64_t group_in = o.in_channels / o.groups, group_out = o.out_channels / o.groups;
  at::Tensor out = at::zeros({1, o.out_channels, height, width});
  for (int64_t c = 0; c < o.out_channels; ++c) {
    const int64_t first = c / group_out * group_in;
    for (int64_t i = 0; i < height; ++i) {
      for (int64_t j = 0; j < width; ++j) {
        const at::Tensor patch = padded[0]
                                     .slice(0, first, first + group_in)
                                     .slice(1, i * o.stride, i * o.stride + reach, o.dilation)
                                     .slice(2, j * o.stride, j * o.stride + reach, o.dilation);
        out[0][c][i][j] = (patch * layer.weight[c]).sum() + (layer.bias ? (*layer.bias)[c] : at::zeros({}));
      }
    }
  }
  return out;
}

TEST(Conv2d, ComputesItsDefinition) {
  const at::NoGradGuard no_grad;
  const std::vector<Conv2dOptions> table = {
      {.in_channels = 3, .out_channels = 2, .kernel = 3, .stride = 2, .padding = 1},
      {.in_channels = 4, .out_channels = 6, .kernel = 3, .padding = 2, .dilation = 2, .groups = 2, .bias = false},
      {.in_channels = 2, .out_channels = 3},
  };
  for (const Conv2dOptions& options : table) {
    Conv2d layer(options);
    testing::fill_weights(layer);
    EXPECT_EQ(layer.bias != nullptr, options.bias);
    const at::Tensor x = filled("x", {1, options.in_channels, 7, 6});
    EXPECT_LE(max_abs(layer.forward(x) - convolve_by_definition(x, layer)), 1e-6);
  }
}

TEST(ConvTranspose2d, IsTheAdjointOfTheConvolution) {
  const at::NoGradGuard no_grad;
  const Conv2dOptions options{.in_channels = 3, .out_channels = 5, .kernel = 4, .stride = 2, .padding = 1, .bias = false};
  Conv2d conv(options);
  ConvTranspose2d transposed({.in_channels = 5, .out_channels = 3, .kernel = 4, .stride = 2, .padding = 1, .bias = false});
  testing::fill_weights(conv);
  transposed.weight.copy_(conv.weight);
  const at::Tensor x = filled("x", {1, 3, 8, 6}), y = filled("y", {1, 5, 4, 3});
  EXPECT_NEAR((conv.forward(x) * y).sum().item<double>(), (x * transposed.forward(y)).sum().item<double>(), 1e-4);
}

TEST(BatchNorm2d, NormalisesByBatchAndKeepsUnbiasedStatistics) {
  BatchNorm2d norm(3);
  testing::fill_weights(norm);
  const at::Tensor mean_before = norm.running_mean.clone(), variance_before = norm.running_var.clone();
  const at::Tensor x = filled("x", {2, 3, 4, 5}, 0, 3, 1);
  const at::Tensor y = norm.forward(x);
  const at::Tensor mean = x.mean({0, 2, 3}), variance = x.var({0, 2, 3}, /*unbiased=*/false);
  const auto per_channel = [](const at::Tensor& v) { return v.view({1, 3, 1, 1}); };
  const at::Tensor expected =
      (x - per_channel(mean)) / per_channel((variance + 1e-5).sqrt()) * per_channel(norm.weight) + per_channel(norm.bias);
  EXPECT_LE(max_abs(y - expected), 1e-5);
  EXPECT_LE(max_abs(norm.running_mean - (0.9 * mean_before + 0.1 * mean)), 1e-6);
  EXPECT_LE(max_abs(norm.running_var - (0.9 * variance_before + 0.1 * variance * 40 / 39)), 1e-5);
  EXPECT_EQ(norm.num_batches_tracked.item<int64_t>(), 1);

  norm.eval();
  const at::Tensor mean_kept = norm.running_mean.clone();
  norm.forward(x);
  EXPECT_TRUE(at::equal(norm.running_mean, mean_kept));
  EXPECT_EQ(norm.num_batches_tracked.item<int64_t>(), 1);
}

TEST(BatchNorm2dError, RefusesToTrainOnOneValue) {
  BatchNorm2d norm(3);
  try {
    norm.forward(at::zeros({1, 3, 1, 1}));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::usage);
    EXPECT_STREQ(error.what(), "batch norm cannot train on one value per channel (input 1 x 3 x 1 x 1): use a larger batch or image");
  }
  EXPECT_TRUE(at::equal(norm.running_var, at::ones({3}))) << "nothing was changed";
}

TEST(GroupNorm, GroupsOfOneImageHaveMeanZeroAndVarianceOne) {
  GroupNorm norm(2, 6);
  for (const bool training : {true, false}) {
    norm.train(training);
    const at::Tensor y = norm.forward(filled("map", {3, 6, 4, 5}, 0, 3, 2)).reshape({3, 2, -1});
    EXPECT_LE(max_abs(y.mean(2)), 1e-5);
    EXPECT_LE(max_abs(y.var(2, /*unbiased=*/false) - 1), 1e-4);
  }
}

TEST(Dropout2d, DropsWholeChannelsInTrainingOnly) {
  Dropout2d dropout(0.25);
  const at::Tensor x = at::ones({40, 50, 2, 3});
  at::manual_seed(7);
  const at::Tensor y = dropout.forward(x), again = dropout.forward(x);
  at::manual_seed(7);
  EXPECT_TRUE(at::equal(dropout.forward(x), y)) << "the generator alone decides";
  EXPECT_FALSE(at::equal(again, y));
  const at::Tensor channels = y.flatten(2);
  EXPECT_TRUE(at::equal(channels.amax(2), channels.amin(2))) << "a channel is dropped or kept as a whole";
  EXPECT_LE(max_abs(channels.amax(2) * (channels.amax(2) - 1 / 0.75)), 1e-6) << "what is kept is scaled";
  EXPECT_NEAR(channels.amax(2).eq(0).to(at::kDouble).mean().item<double>(), 0.25, 5 * std::sqrt(0.25 * 0.75 / 2000));
  dropout.eval();
  EXPECT_TRUE(at::equal(dropout.forward(x), x));
}

}  // namespace
}  // namespace larmor::models
