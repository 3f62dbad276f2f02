#include "datasets/prepare_sample.h"

#include <gtest/gtest.h>

#include "tests/datasets/support.h"

namespace larmor::datasets {
namespace {

using imaging::Image;
using imaging::PixelType;

TEST(PrepareSample, KeepsAnImageOfTheRightSize) {
  const testing::MemorySource source;
  const Image image = source.load(2).image;
  EXPECT_EQ(to_network_size(image, 16).bytes, image.bytes);
}

TEST(PrepareSample, AveragesWhenShrinking) {
  Image image = Image::make({4, 4, 1}, 1, PixelType::u8);
  for (int64_t i = 0; i < 16; ++i) image.data<uint8_t>()[i] = static_cast<uint8_t>(16 * i);
  const Image small = to_network_size(image, 2);
  // Means of 2 x 2 blocks: (0 + 1 + 4 + 5) / 4 * 16 and so on.
  EXPECT_EQ((std::vector<uint8_t>(small.data<uint8_t>(), small.data<uint8_t>() + 4)), (std::vector<uint8_t>{40, 72, 168, 200}));
}

TEST(PrepareSample, PadsToASquareBeforeResizing) {
  Image image = Image::make({2, 5, 1}, 1, PixelType::u8);
  std::fill_n(image.data<uint8_t>(), 10, uint8_t{200});
  const Image square = to_network_size(image, 5);
  ASSERT_EQ(square.size, (std::array<int64_t, 3>{5, 5, 1}));
  // Three columns are added: one before, two after.
  EXPECT_EQ((std::vector<uint8_t>(square.data<uint8_t>(), square.data<uint8_t>() + 5)), (std::vector<uint8_t>{0, 200, 200, 0, 0}));
}

TEST(PrepareSample, LabelsKeepTheirClasses) {
  Image label = Image::make({6, 4, 1}, 1, PixelType::u8);
  for (int64_t i = 0; i < 24; ++i) label.data<uint8_t>()[i] = static_cast<uint8_t>(i % 2 ? 7 : 3);
  for (const int64_t size : {3, 6, 11}) {
    const Image resized = label_to_network_size(label, size);
    for (int64_t i = 0; i < size * size; ++i) {
      const uint8_t value = resized.data<uint8_t>()[i];
      ASSERT_TRUE(value == 0 || value == 3 || value == 7) << static_cast<int>(value);
    }
  }
}

TEST(PrepareSample, ImageAndLabelStayInPlaceTogether) {
  for (const auto& [width, height] : std::vector<std::pair<int64_t, int64_t>>{{12, 12}, {12, 20}, {31, 12}}) {
    Image image = Image::make({width, height, 1}, 1, PixelType::u8);
    for (int64_t y = height / 2; y < height; ++y) std::fill_n(image.data<uint8_t>() + y * width, width, uint8_t{255});
    const Image resized = to_network_size(image, 24);
    const Image label = label_to_network_size(image, 24);
    for (int64_t i = 0; i < 24 * 24; ++i) {
      const int value = resized.data<uint8_t>()[i];
      if (value < 20 || value > 235) {
        ASSERT_EQ(value > 127, label.data<uint8_t>()[i] > 127) << width << " " << i;
      }
    }
  }
}

}  // namespace
}  // namespace larmor::datasets
