#include "models/encoders/senet.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/models/support.h"

namespace larmor::models::encoders {
namespace {

using testing::filled;
using testing::find_tensor;

std::unique_ptr<Encoder> make(const std::string& name, EncoderArguments arguments = {}) {
  auto encoder = registry().at(name).make(ConfigNode{}, arguments);
  testing::fill_weights(*encoder);
  encoder->eval();
  return encoder;
}

TEST(SENet, CallsTheKindByItsName) {
  EXPECT_EQ(registry().singular(), "encoder");
  EXPECT_EQ(registry().plural(), "encoders");
}

TEST(SENet, MapsFollowTheContract) {
  for (const auto& [depth, stages] : {std::pair<int64_t, size_t>{3, 4}, {4, 5}, {5, 6}}) {
    const auto encoder = make("se_resnext50_32x4d", {.in_channels = 2, .depth = depth});
    const at::NoGradGuard no_grad;
    const at::Tensor image = filled("image", {1, 2, 64, 96});
    const std::vector<at::Tensor> maps = encoder->features(image);
    ASSERT_EQ(maps.size(), stages);
    EXPECT_TRUE(at::equal(maps[0], image));
    const std::vector<int64_t> channels = encoder->channels();
    ASSERT_EQ(channels.size(), stages);
    for (size_t i = 0; i < maps.size(); ++i) {
      EXPECT_EQ(maps[i].sizes().vec(), (std::vector<int64_t>{1, channels[i], 64 >> i, 96 >> i}));
    }
    const std::vector<std::string> unused = encoder->unused_parameters();
    EXPECT_EQ(unused.empty(), depth == 5);
    for (const std::string& name : unused) EXPECT_TRUE(find_tensor(encoder->named_parameters(), name).defined()) << name;
  }
}

TEST(SENet, ParameterCounts) {
  EXPECT_EQ(make("se_resnext50_32x4d")->parameter_count(), 25510896);
  EXPECT_EQ(make("se_resnext50_32x4d", {.depth = 3})->parameter_count(), 25510896) << "deeper stages are stored";
}

/// Windows 3x3 that begin at even rows and columns and end with the map: what a pool without padding that rounds up does. With
/// padding 1 (same shapes) they would begin one pixel before.
at::Tensor pool_by_definition(const at::Tensor& map) {
  const int64_t height = map.size(2), width = map.size(3);
  at::Tensor pooled = at::empty({map.size(0), map.size(1), height / 2, width / 2});
  for (int64_t i = 0; i < height / 2; ++i) {
    for (int64_t j = 0; j < width / 2; ++j) {
      const at::Tensor window = map.slice(2, 2 * i, std::min(2 * i + 3, height)).slice(3, 2 * j, std::min(2 * j + 3, width));
      pooled.select(3, j).select(2, i).copy_(window.amax({2, 3}));
    }
  }
  return pooled;
}

/// A bottleneck from its published description, by the names of its weights.
at::Tensor block_by_definition(const at::Tensor& x, const NamedTensors& state, const std::string& block) {
  const auto weight = [&](const std::string& name) { return find_tensor(state, block + name); };
  const auto norm = [&](const at::Tensor& map, const std::string& name) {
    return at::batch_norm(map, weight(name + ".weight"), weight(name + ".bias"), weight(name + ".running_mean"),
                          weight(name + ".running_var"),
                          /*training=*/false, 0.1, 1e-5, false);
  };
  at::Tensor y = at::relu(norm(at::conv2d(x, weight("conv1.weight")), "bn1"));
  y = at::relu(norm(at::conv2d(y, weight("conv2.weight"), {}, 1, 1, 1, 32), "bn2"));
  y = norm(at::conv2d(y, weight("conv3.weight")), "bn3");
  const at::Tensor squeezed =
      at::relu(at::conv2d(y.mean({2, 3}, /*keepdim=*/true), weight("se_module.fc1.weight"), weight("se_module.fc1.bias")));
  const at::Tensor gate = at::sigmoid(at::conv2d(squeezed, weight("se_module.fc2.weight"), weight("se_module.fc2.bias")));
  const bool has_shortcut = weight("downsample.0.weight").defined();
  return at::relu(y * gate + (has_shortcut ? norm(at::conv2d(x, weight("downsample.0.weight")), "downsample.1") : x));
}

TEST(SENet, FirstStageIsThePoolAndThreeBlocks) {
  const auto encoder = make("se_resnext50_32x4d");
  const at::NoGradGuard no_grad;
  const std::vector<at::Tensor> maps = encoder->features(filled("image", {2, 3, 64, 96}));
  at::Tensor x = pool_by_definition(maps[1]);
  for (const char* block : {"layer1.0.", "layer1.1.", "layer1.2."}) x = block_by_definition(x, encoder->state_dict(), block);
  EXPECT_LE(testing::max_abs(x - maps[2]), 1e-5 * testing::max_abs(x));
}

}  // namespace
}  // namespace larmor::models::encoders
