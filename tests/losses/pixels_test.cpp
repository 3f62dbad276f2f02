#include "losses/pixels.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "tests/losses/support.h"

namespace larmor::losses {
namespace {

using testing::error_of;

TEST(Pixels, TellsLabelsFromValues) {
  const at::Tensor logits = at::zeros({2, 3, 4, 5});
  EXPECT_TRUE(prepare_pixels("x", logits, at::zeros({2, 4, 5}, at::kLong), {}).labels.defined());
  EXPECT_TRUE(prepare_pixels("x", logits, at::zeros({2, 1, 4, 5}, at::kByte), {}).labels.defined());
  EXPECT_TRUE(prepare_pixels("x", logits, at::zeros({2, 3, 4, 5}), {}).values.defined());
  EXPECT_TRUE(prepare_pixels("x", logits, at::zeros({2, 3, 4, 5}, at::kByte), {}).values.defined());
  const at::Tensor one_channel = at::zeros({2, 1, 4, 5});
  EXPECT_TRUE(prepare_pixels("x", one_channel, at::zeros({2, 4, 5}, at::kLong), {}).values.defined());
}

TEST(Pixels, OneHotLeavesIgnoredPixelsEmpty) {
  const at::Tensor labels = at::tensor({0, 2, 255, 1}, at::kLong).reshape({1, 2, 2});
  const Pixels pixels = prepare_pixels("x", at::zeros({1, 3, 2, 2}), labels, 255);
  const at::Tensor expected = at::tensor({1, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0}, at::kFloat).reshape({1, 3, 4});
  EXPECT_TRUE(at::equal(dense_target(pixels), expected));
  EXPECT_TRUE(at::equal(probabilities(pixels).sum(1), at::tensor({1, 1, 0, 1}, at::kFloat).reshape({1, 4})));
}

TEST(Pixels, OneChannelOfAMultiLabelTargetCanBeIgnored) {
  const at::Tensor target = at::tensor({1, 255, 0, 1}, at::kFloat).reshape({1, 2, 1, 2});
  const Pixels pixels = prepare_pixels("x", at::zeros({1, 2, 1, 2}), target, 255);
  EXPECT_TRUE(at::equal(pixels.counted, at::tensor({1, 0, 1, 1}, at::kFloat).reshape({1, 2, 2})));
}

TEST(PixelsError, ShapesMustFit) {
  EXPECT_EQ(error_of([] {
              prepare_pixels("dice", at::zeros({2, 3, 8, 8}), at::zeros({2, 9, 9}, at::kLong), {});
            }),
            "dice: target 2x9x9 (Long) does not fit logits 2x3x8x8; allowed: class indices 2x8x8 (int64), values 2x3x8x8 (float)");
  EXPECT_EQ(error_of([] {
              prepare_pixels("dice", at::zeros({2, 3, 8, 8}), at::zeros({2, 8, 8}), {});
            }),
            "dice: target 2x8x8 (Float) does not fit logits 2x3x8x8; allowed: class indices 2x8x8 (int64), values 2x3x8x8 (float)");
  EXPECT_EQ(error_of([] { prepare_pixels("dice", at::zeros({8}), at::zeros({8}), {}); }), "dice: logits 8; must be N x C x …");
}

TEST(PixelsError, TargetsOutsideTheirRangeAreRefused) {
  const at::Tensor labels = at::full({1, 2, 2}, 3, at::kLong), mask = at::full({1, 1, 2, 2}, 255.0f);
  EXPECT_EQ(error_of([&] {
              prepare_pixels("bce", at::zeros({1, 3, 2, 2}), labels, {});
            }),
            "bce: target value 3; allowed: 0 … 2; a label to leave out needs ignore_index");
  EXPECT_EQ(error_of([&] {
              prepare_pixels("bce", at::zeros({1, 3, 2, 2}), -labels, 255);
            }),
            "bce: target value -3; allowed: 0 … 2; 255 is ignored");
  EXPECT_EQ(error_of([&] {
              prepare_pixels("bce", at::zeros({1, 1, 2, 2}), mask, {});
            }),
            "bce: target value 255; allowed: 0 … 1; a label to leave out needs ignore_index");
}

}  // namespace
}  // namespace larmor::losses
