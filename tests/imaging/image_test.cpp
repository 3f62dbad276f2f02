#include "imaging/image.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <limits>

#include "tests/imaging/support.h"

namespace larmor::imaging {
namespace {

TEST(ImageTest, MakesAZeroedImage) {
  const Image image = Image::make({3, 2, 4}, 2, PixelType::i16);
  EXPECT_EQ(image.voxels(), 24);
  EXPECT_EQ(image.elements(), 48);
  EXPECT_EQ(image.bytes, std::vector<std::byte>(96));
  EXPECT_FALSE(image.geometry.has_spacing);
}

TEST(ImageTest, NamesAndSizesOfPixelTypes) {
  const std::vector<std::tuple<PixelType, std::string, size_t>> cases = {{PixelType::u8, "u8", 1},
                                                                         {PixelType::i16, "i16", 2},
                                                                         {PixelType::u16, "u16", 2},
                                                                         {PixelType::i32, "i32", 4},
                                                                         {PixelType::f32, "f32", 4}};
  for (const auto& [type, name, size] : cases) {
    EXPECT_EQ(to_string(type), name);
    EXPECT_EQ(size_of(type), size);
  }
}

TEST(ConvertTest, RoundsAndSaturates) {
  const float infinity = std::numeric_limits<float>::infinity();
  const Image image = image_of<float>({9, 1, 1}, {-1.0F, -0.4F, 0.5F, 1.5F, 254.6F, 300.0F, infinity, -infinity, std::nanf("")});
  EXPECT_EQ(values_of<uint8_t>(convert(image, PixelType::u8)), (std::vector<uint8_t>{0, 0, 0, 2, 255, 255, 255, 0, 0}));
  EXPECT_EQ(values_of<int16_t>(convert(image, PixelType::i16)), (std::vector<int16_t>{-1, 0, 0, 2, 255, 300, 32767, -32768, 0}));
}

TEST(ConvertTest, KeepsLargeIntegersExact) {
  const Image image = image_of<int32_t>({2, 1, 1}, {2147483647, -2147483647});
  EXPECT_EQ(values_of<uint16_t>(convert(image, PixelType::u16)), (std::vector<uint16_t>{65535, 0}));
  EXPECT_EQ(convert(image, PixelType::i32).bytes, image.bytes);
}

RC_GTEST_PROP(ConvertTest, SaturatesAndNeverWraps, (std::vector<int32_t> values)) {
  RC_PRE(!values.empty());
  const Image image = image_of<int32_t>({static_cast<int64_t>(values.size()), 1, 1}, values);
  const auto bytes = values_of<uint8_t>(convert(image, PixelType::u8));
  const auto shorts = values_of<int16_t>(convert(image, PixelType::i16));
  for (size_t i = 0; i < values.size(); ++i) {
    RC_ASSERT(int32_t{bytes[i]} == std::clamp(values[i], 0, 255));
    RC_ASSERT(int32_t{shorts[i]} == std::clamp(values[i], -32768, 32767));
  }
}

RC_GTEST_PROP(ConvertTest, WideningAndBackIsTheIdentity, ()) {
  const Image image = *any_image(PixelType::i16, 1);
  RC_ASSERT(convert(convert(image, PixelType::f32), PixelType::i16).bytes == image.bytes);
  RC_ASSERT(convert(convert(image, PixelType::i32), PixelType::i16).bytes == image.bytes);
}

TEST(ChannelsTest, InAnyOrderAndRepeated) {
  Image image = Image::make({2, 1, 1}, 3, PixelType::i16);
  for (int64_t i = 0; i < image.elements(); ++i) image.data<int16_t>()[i] = static_cast<int16_t>(10 - i);
  image.geometry.spacing_mm = {1, 2, 3};
  const std::vector<int64_t> order = {2, 0, 0, 1}, same = {0, 1, 2}, one = {1};
  EXPECT_EQ(values_of<int16_t>(select_channels(image, order)), (std::vector<int16_t>{8, 10, 10, 9, 5, 7, 7, 6}));
  EXPECT_EQ(select_channels(image, order).geometry, image.geometry);
  EXPECT_EQ(select_channels(image, same).bytes, image.bytes);
  EXPECT_EQ(values_of<int16_t>(select_channels(image, one)), (std::vector<int16_t>{9, 6}));
}

TEST(SliceTest, TakesVoxelsAndPlace) {
  Image volume = Image::make({2, 3, 4}, 2, PixelType::u16);
  for (int64_t i = 0; i < volume.elements(); ++i) volume.data<uint16_t>()[i] = static_cast<uint16_t>(i);
  volume.geometry = {{1, 2, 3}, {10, 20, 30}, {0, 0, 1, 1, 0, 0, 0, 1, 0}, true};
  const Image slice = slice_of(volume, 2);
  EXPECT_EQ(slice.size, (std::array<int64_t, 3>{2, 3, 1}));
  EXPECT_EQ(values_of<uint16_t>(slice), (std::vector<uint16_t>{24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35}));
  EXPECT_EQ(slice.geometry, (Geometry{{1, 2, 3}, {16, 20, 30}, {0, 0, 1, 1, 0, 0, 0, 1, 0}, true}));
}

}  // namespace
}  // namespace larmor::imaging
