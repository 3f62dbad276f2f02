#include "imaging/resize.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "tests/imaging/support.h"

namespace larmor::imaging {
namespace {

TEST(ResizeTest, LinearAlignsPixelCentres) {
  // Torch: interpolate(mode="bilinear", align_corners=False) of [0, 10] to four values.
  const Image image = image_of<float>({2, 1, 1}, {0, 10});
  EXPECT_EQ(values_of<float>(resize(image, 4, 1, Interpolation::linear)), (std::vector<float>{0, 2.5, 7.5, 10}));
}

TEST(ResizeTest, AreaAverages) {
  const Image image = image_of<uint8_t>({4, 2, 1}, {0, 10, 100, 200, 20, 30, 100, 200});
  EXPECT_EQ(values_of<uint8_t>(resize(image, 2, 1, Interpolation::area)), (std::vector<uint8_t>{15, 150}));
}

TEST(ResizeTest, NearestTakesTheCentre) {
  const Image image = image_of<uint8_t>({6, 1, 1}, {0, 1, 2, 3, 4, 5});
  EXPECT_EQ(values_of<uint8_t>(resize(image, 2, 1, Interpolation::nearest)), (std::vector<uint8_t>{1, 4}));
}

TEST(ResizeTest, KeepsEveryTypeAndChannelCount) {
  for (const PixelType type : {PixelType::u8, PixelType::i16, PixelType::u16, PixelType::i32, PixelType::f32}) {
    for (const int64_t channels : {1, 2, 3, 4, 5, 9}) {
      for (const Interpolation how : {Interpolation::nearest, Interpolation::linear, Interpolation::area}) {
        Image flat = Image::make({6, 4, 1}, channels, PixelType::f32);
        for (int64_t i = 0; i < flat.elements(); ++i) flat.data<float>()[i] = static_cast<float>(i % channels + 7);
        const Image image = convert(flat, type);
        for (const auto& [width, height] : {std::pair{3, 2}, {4, 3}, {12, 9}}) {
          const Image resized = resize(image, width, height, how);
          ASSERT_EQ(resized.size, (std::array<int64_t, 3>{width, height, 1}));
          ASSERT_EQ(resized.channels, channels);
          ASSERT_EQ(resized.type, type);
          const Image values = convert(resized, PixelType::f32);
          for (int64_t i = 0; i < values.elements(); ++i) ASSERT_NEAR(values.data<float>()[i], static_cast<float>(i % channels + 7), 1e-4);
        }
      }
    }
  }
}

TEST(ResizeTest, LargeIntegersStayExact) {
  const Image image = image_of<int32_t>({2, 1, 1}, {2147483647, 2147483647});
  EXPECT_EQ(values_of<int32_t>(resize(image, 3, 1, Interpolation::linear)), (std::vector<int32_t>(3, 2147483647)));
}

TEST(ResizeTest, MovesTheGeometry) {
  Image image = Image::make({4, 4, 1}, 1, PixelType::u8);
  image.geometry = {{1, 1, 5}, {0, 0, 7}, {0, 1, 0, 1, 0, 0, 0, 0, 1}, true};  // x runs along the second axis of space
  const Geometry geometry = resize(image, 2, 4, Interpolation::area).geometry;
  EXPECT_EQ(geometry, (Geometry{{2, 1, 5}, {0, 0.5, 7}, {0, 1, 0, 1, 0, 0, 0, 0, 1}, true}));
}

TEST(PadTest, FloorBeforeCeilAfter) {
  Image image = image_of<uint8_t>({2, 1, 1}, {7, 8});
  image.geometry = {{2, 3, 1}, {10, 20, 30}, {1, 0, 0, 0, 1, 0, 0, 0, 1}, true};
  const Image padded = pad_to(image, 5, 2);
  EXPECT_EQ(values_of<uint8_t>(padded), (std::vector<uint8_t>{0, 7, 8, 0, 0, 0, 0, 0, 0, 0}));
  EXPECT_EQ(padded.geometry.origin_mm, (std::array<double, 3>{8, 20, 30}));
}

RC_GTEST_PROP(PadTest, CropCentreIsTheInverse, ()) {
  const PixelType type = *rc::gen::element(PixelType::u8, PixelType::u16, PixelType::f32);
  const Image image = *any_image(type, *rc::gen::inRange<int64_t>(1, 5));
  const int64_t width = image.width() + *rc::gen::inRange<int64_t>(0, 9);
  const int64_t height = image.height() + *rc::gen::inRange<int64_t>(0, 9);
  const Image back = crop_centre(pad_to(image, width, height), image.width(), image.height());
  RC_ASSERT(back.size == image.size);
  RC_ASSERT(back.type == image.type);
  RC_ASSERT(back.bytes == image.bytes);
  RC_ASSERT(back.geometry == image.geometry);
}

}  // namespace
}  // namespace larmor::imaging
