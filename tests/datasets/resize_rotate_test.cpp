#include "datasets/resize_rotate.h"

#include <gtest/gtest.h>

#include "tests/support/buda_golden.h"

namespace larmor::datasets {
namespace {

using imaging::Image;
using imaging::PixelType;
using larmor::testing::BudaGolden;
using larmor::testing::different_pixels;
using larmor::testing::largest_difference;

TEST(ResizeRotateGolden, EqualsScikitImage) {
  LARMOR_NEEDS(BudaGolden::file(), "buda.json");
  const BudaGolden golden;
  int64_t run = 0;
  for (const auto& one : golden.cases("change")) {
    const std::string name = "change/" + one.at("name").get<std::string>();
    const double scale = one.at("scale"), angle = one.at("angle_deg");
    const auto change = [&](const Image& image, Sampling sampling) {
      return rotate_in_place(rescale_in_place(image, scale, sampling), angle, sampling);
    };
    EXPECT_LE(largest_difference(change(golden.image(name + "/image"), Sampling::linear), golden.image(name + "/changed")),
              golden.tolerance("change"))
        << name;
    const int64_t wrong = different_pixels(change(golden.mask(name + "/mask"), Sampling::nearest), golden.mask(name + "/changed_mask"));
    EXPECT_GE(wrong, 0) << name;
    EXPECT_LE(static_cast<double>(wrong), golden.tolerance("mask_pixels_that_may_differ")) << name;
    ++run;
  }
  EXPECT_GT(run, 0);
  std::cout << run << " cases run, 0 skipped\n";
}

Image ramp(int64_t side) {
  Image image = Image::make({side, side, 1}, 1, PixelType::u8);
  for (int64_t i = 0; i < image.elements(); ++i) image.data<uint8_t>()[i] = static_cast<uint8_t>(7 * i % 256);
  return image;
}

TEST(ResizeRotate, NothingAskedIsNothingChanged) {
  for (const Sampling sampling : {Sampling::nearest, Sampling::linear}) {
    EXPECT_EQ(rescale_in_place(ramp(9), 1, sampling).bytes, ramp(9).bytes);
    EXPECT_EQ(rotate_in_place(ramp(9), 0, sampling).bytes, ramp(9).bytes);
  }
}

TEST(ResizeRotate, PositiveAnglesTurnCounterClockwise) {
  Image image = Image::make({3, 3, 1}, 1, PixelType::u8);
  image.data<uint8_t>()[5] = 200;  // right of the centre
  const Image turned = rotate_in_place(image, 90, Sampling::nearest);
  EXPECT_EQ(std::vector<uint8_t>(turned.data<uint8_t>(), turned.data<uint8_t>() + 9), (std::vector<uint8_t>{0, 200, 0, 0, 0, 0, 0, 0, 0}));
}

TEST(ResizeRotate, SizesAreRoundedToWholePixelsHalvesToEven) {
  // 8 x 1.0625 = 8.5 pixels are 8: nothing changes; 8 x 1.1875 = 9.5 pixels are 10.
  EXPECT_EQ(rescale_in_place(ramp(8), 1.0625, Sampling::linear).bytes, ramp(8).bytes);
  EXPECT_NE(rescale_in_place(ramp(8), 1.1875, Sampling::linear).bytes, ramp(8).bytes);
}

}  // namespace
}  // namespace larmor::datasets
