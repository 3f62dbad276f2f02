#include "imaging/draw.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "imaging/png.h"
#include "tests/imaging/support.h"

namespace larmor::imaging {
namespace {

Colour pixel(const Image& rgb, int64_t x, int64_t y) {
  const uint8_t* start = rgb.data<uint8_t>() + 3 * (y * rgb.width() + x);
  return {start[0], start[1], start[2]};
}

TEST(ToRgbTest, BytesStayAsTheyAre) {
  EXPECT_EQ(values_of<uint8_t>(to_rgb(image_of<uint8_t>({2, 1, 1}, {5, 200}))), (std::vector<uint8_t>{5, 5, 5, 200, 200, 200}));
  EXPECT_EQ(values_of<uint8_t>(to_rgb(image_of<uint8_t>({1, 1, 1}, {1, 2, 3}, 3))), (std::vector<uint8_t>{1, 2, 3}));
  EXPECT_EQ(values_of<uint8_t>(to_rgb(image_of<uint8_t>({1, 1, 1}, {1, 2, 3, 4}, 4))), (std::vector<uint8_t>{1, 2, 3}));
  EXPECT_EQ(values_of<uint8_t>(to_rgb(image_of<uint8_t>({1, 1, 1}, {1, 2}, 2))), (std::vector<uint8_t>{1, 1, 1}));
}

TEST(ToRgbTest, OtherTypesAreScaledWithoutOutliers) {
  std::vector<float> values(1000);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i % 101);
  values[0] = 1e9F;
  values[1] = std::numeric_limits<float>::quiet_NaN();
  values[2] = -std::numeric_limits<float>::infinity();
  const Image rgb = to_rgb(image_of<float>({100, 10, 1}, values));
  EXPECT_EQ(pixel(rgb, 0, 0), (Colour{255, 255, 255}));
  EXPECT_EQ(pixel(rgb, 1, 0), (Colour{0, 0, 0}));
  EXPECT_EQ(pixel(rgb, 2, 0), (Colour{0, 0, 0}));
  EXPECT_NEAR(pixel(rgb, 50, 0)[0], 127, 2);
}

TEST(ToRgbTest, AConstantImageIsBlack) {
  EXPECT_EQ(values_of<uint8_t>(to_rgb(image_of<int16_t>({2, 1, 1}, {9, 9}))), (std::vector<uint8_t>(6, 0)));
}

TEST(ContourTest, DrawsTheOutermostInsidePixels) {
  const Image mask = mask_of(
      ".......\n"
      ".#####.\n"
      ".#####.\n"
      ".#####.\n"
      ".......\n");
  Image rgb = Image::make({7, 5, 1}, 3, PixelType::u8);
  draw_contour(rgb, mask, {1, 2, 3});
  int drawn = 0;
  for (int64_t y = 0; y < 5; ++y) {
    for (int64_t x = 0; x < 7; ++x) drawn += pixel(rgb, x, y) == Colour{1, 2, 3} ? 1 : 0;
  }
  EXPECT_EQ(drawn, 12);
  EXPECT_EQ(pixel(rgb, 3, 2), (Colour{0, 0, 0}));
}

TEST(ContourTest, ClosesAtTheEdgeOfThePicture) {
  Image rgb = Image::make({3, 3, 1}, 3, PixelType::u8);
  draw_contour(rgb, mask_of("###\n###\n###\n"), kPredictionColour);
  EXPECT_EQ(pixel(rgb, 0, 1), kPredictionColour);
  EXPECT_EQ(pixel(rgb, 1, 1), (Colour{0, 0, 0}));
}

RC_GTEST_PROP(ContourTest, NeverDrawsOutside, ()) {
  const Image mask = *any_mask(*rc::gen::inRange(5, 100));
  const Image before = Image::make(mask.size, 3, PixelType::u8);
  Image rgb = before;
  draw_contour(rgb, mask, kTruthColour, *rc::gen::inRange(1, 4));
  for (int64_t i = 0; i < mask.voxels(); ++i) {
    const bool is_drawn = rgb.data<uint8_t>()[3 * i] != 0;
    const bool is_inside = mask.data<uint8_t>()[i] != 0;
    RC_ASSERT(is_inside || !is_drawn);
  }
}

RC_GTEST_PROP(ContourTest, EveryComponentIsSeen, ()) {
  const Image mask = *any_mask(30);
  Image rgb = Image::make(mask.size, 3, PixelType::u8);
  draw_contour(rgb, mask, kTruthColour);
  for (int64_t i = 0; i + 1 < mask.voxels(); ++i) {
    const bool ends_here = mask.data<uint8_t>()[i] != 0 && (mask.data<uint8_t>()[i + 1] == 0 || (i + 1) % mask.width() == 0);
    if (ends_here) RC_ASSERT(rgb.data<uint8_t>()[3 * i] == 255);
  }
}

TEST(ContactSheetTest, TilesLieInRowsUnchanged) {
  std::vector<Image> tiles;
  for (uint8_t i = 1; i <= 5; ++i)
    tiles.push_back(image_of<uint8_t>({8, 6, 1}, std::vector<uint8_t>(8 * 6 * 3, static_cast<uint8_t>(40 * i)), 3));
  const Image sheet = contact_sheet(tiles, {}, 3);
  EXPECT_EQ(sheet.size, (std::array<int64_t, 3>{3 * 12 + 4, 2 * 10 + 4, 1}));
  EXPECT_EQ(pixel(sheet, 4, 4), (Colour{40, 40, 40}));
  EXPECT_EQ(pixel(sheet, 4 + 24 + 7, 4 + 5), (Colour{120, 120, 120}));
  EXPECT_EQ(pixel(sheet, 4 + 12, 4 + 10), (Colour{200, 200, 200}));
}

TEST(ContactSheetTest, CaptionsStayUnderTheirTile) {
  const Image tile = image_of<uint8_t>({64, 8, 1}, std::vector<uint8_t>(64 * 8 * 3, 0), 3);
  const Image plain = contact_sheet({tile, tile}, {"", ""}, 2);
  const Image sheet = contact_sheet({tile, tile}, {"a very long caption that never fits the tile \xC3\xA4", ""}, 2);
  EXPECT_EQ(sheet.height(), plain.height() + 16);
  bool is_written = false;
  for (int64_t y = 0; y < sheet.height(); ++y) {
    for (int64_t x = 0; x < sheet.width(); ++x) {
      const bool is_bright = pixel(sheet, x, y)[0] > 100;
      is_written = is_written || is_bright;
      const bool is_below_first = y >= 12 && x < 4 + 64 + 2;
      EXPECT_TRUE(!is_bright || is_below_first) << x << ", " << y;
    }
  }
  EXPECT_TRUE(is_written);
}

RC_GTEST_PROP(EncodePngTest, ReadsBackTheSame, ()) {
  const PixelType type = *rc::gen::element(PixelType::u8, PixelType::u16);
  const Image image = *any_image(type, *rc::gen::element<int64_t>(1, 3));
  const std::string png = encode_png(image);
  const Image back = read_png({std::as_bytes(std::span(png)), "memory.png"});
  RC_ASSERT(back.size == image.size);
  RC_ASSERT(back.channels == image.channels);
  RC_ASSERT(back.type == image.type);
  RC_ASSERT(back.bytes == image.bytes);
}

TEST(LegendTest, TheLegendStandsBelowThePicture) {
  Image rgb = Image::make({200, 100, 1}, 3, PixelType::u8);
  for (int64_t i = 0; i < rgb.elements(); ++i) rgb.data<uint8_t>()[i] = static_cast<uint8_t>(i % 256);
  const Image shown = with_legend(rgb, {{kTruthColour, "truth"}, {kPredictionColour, "prediction"}});
  EXPECT_EQ(shown.width(), 200);
  ASSERT_GT(shown.height(), 100);
  EXPECT_TRUE(std::equal(rgb.bytes.begin(), rgb.bytes.end(), shown.bytes.begin()));
  const auto has = [&](Colour colour, int64_t from, int64_t to) {
    for (int64_t y = 100; y < shown.height(); ++y) {
      for (int64_t x = from; x < to; ++x) {
        const uint8_t* pixel = shown.data<uint8_t>() + (y * 200 + x) * 3;
        if (std::equal(colour.begin(), colour.end(), pixel)) return true;
      }
    }
    return false;
  };
  EXPECT_TRUE(has(kTruthColour, 0, 100));
  EXPECT_TRUE(has(kPredictionColour, 100, 200));
  EXPECT_FALSE(has(kPredictionColour, 0, 100));
}

TEST(LegendTest, ALegendOfATinyPictureIsCut) {
  const Image rgb = Image::make({8, 8, 1}, 3, PixelType::u8);
  EXPECT_EQ(with_legend(rgb, {{kTruthColour, "truth"}, {kPredictionColour, "prediction"}}).width(), 8);
}

}  // namespace
}  // namespace larmor::imaging
