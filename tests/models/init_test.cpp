#include "models/init.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "models/layers.h"
#include "tests/models/support.h"

namespace larmor::models {
namespace {

using testing::max_abs;

/// Bound, spread and mean of a uniform law, with the tolerance that n samples allow.
void expect_uniform(const at::Tensor& tensor, double bound) {
  EXPECT_LE(max_abs(tensor), bound * (1 + 1e-6));
  const double count = static_cast<double>(tensor.numel()), deviation = bound / std::sqrt(3.0);
  EXPECT_NEAR(tensor.detach().to(at::kDouble).std(false).item<double>() / deviation, 1, 5 * std::sqrt(0.2 / count));
  EXPECT_NEAR(tensor.detach().to(at::kDouble).mean().item<double>() / deviation, 0, 5 / std::sqrt(count));
}

TEST(Init, BoundsFollowTheFans) {
  at::Tensor weight = at::zeros({64, 16, 3, 3});
  fill_he_uniform(weight, 1, "he");
  expect_uniform(weight, std::sqrt(6.0 / (16 * 9)));
  fill_glorot_uniform(weight, 1, "glorot");
  expect_uniform(weight, std::sqrt(6.0 / (16 * 9 + 64 * 9)));
  fill_uniform(weight, 0.5, 1, "uniform");
  expect_uniform(weight, 0.5);
}

TEST(Init, DefaultsOfConvolutions) {
  Conv2d conv({.in_channels = 64, .out_channels = 128, .kernel = 3, .groups = 4});
  initialise_default(conv, 0);
  expect_uniform(conv.weight, 1 / std::sqrt(16.0 * 9));
  expect_uniform(*conv.bias, 1 / std::sqrt(16.0 * 9));
  ConvTranspose2d transposed({.in_channels = 32, .out_channels = 128, .kernel = 4});
  initialise_default(transposed, 0);
  expect_uniform(transposed.weight, 1 / std::sqrt(128.0 * 16));
  expect_uniform(*transposed.bias, 1 / std::sqrt(128.0 * 16));
}

TEST(Init, NumbersDependOnSeedAndNameAlone) {
  const auto numbers = [](uint64_t seed, const std::string& name, at::ScalarType type = at::kFloat) {
    at::Tensor tensor = at::zeros({7, 5}, type);
    fill_uniform(tensor, 1, seed, name);
    return tensor;
  };
  EXPECT_TRUE(at::equal(numbers(3, "a"), numbers(3, "a")));
  EXPECT_FALSE(at::equal(numbers(3, "a"), numbers(4, "a")));
  EXPECT_FALSE(at::equal(numbers(3, "a"), numbers(3, "b")));
  EXPECT_TRUE(at::equal(numbers(3, "a").to(at::kDouble), numbers(3, "a", at::kDouble)));
}

TEST(Init, ALargerTensorBeginsWithTheSameNumbers) {
  at::Tensor small = at::zeros({5}), large = at::zeros({50});
  fill_uniform(small, 1, 9, "x");
  fill_uniform(large, 1, 9, "x");
  EXPECT_TRUE(at::equal(small, large.slice(0, 0, 5)));
}

}  // namespace
}  // namespace larmor::models
