#include "imaging/png.h"

#include <gtest/gtest.h>
#include <png.h>
#include <rapidcheck/gtest.h>

#include "core/files.h"
#include "imaging/draw.h"
#include "tests/imaging/support.h"

namespace larmor::imaging {
namespace {

/// A PNG as libpng writes it from packed rows.
struct Variant {
  int64_t width = 0;
  int64_t height = 0;
  int bits = 8;
  int colour = PNG_COLOR_TYPE_GRAY;
  bool is_interlaced = false;
  std::vector<png_color> palette;
  std::vector<png_byte> palette_alpha;
  double gamma = 0;
};

std::string write_with_libpng(const Variant& variant, std::vector<uint8_t> rows) {
  std::string content;
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  png_infop info = png_create_info_struct(png);
  const auto append = [](png_structp writer, png_bytep data, size_t size) {
    static_cast<std::string*>(png_get_io_ptr(writer))->append(reinterpret_cast<char*>(data), size);
  };
  png_set_write_fn(png, &content, append, [](png_structp) {});
  png_set_IHDR(png, info, static_cast<png_uint_32>(variant.width), static_cast<png_uint_32>(variant.height), variant.bits, variant.colour,
               variant.is_interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  if (!variant.palette.empty()) png_set_PLTE(png, info, variant.palette.data(), static_cast<int>(variant.palette.size()));
  if (!variant.palette_alpha.empty()) {
    png_set_tRNS(png, info, variant.palette_alpha.data(), static_cast<int>(variant.palette_alpha.size()), nullptr);
  }
  if (variant.gamma > 0) png_set_gAMA(png, info, variant.gamma);
  std::vector<png_bytep> pointers;
  const size_t row_bytes = rows.size() / static_cast<size_t>(variant.height);
  for (int64_t y = 0; y < variant.height; ++y) pointers.push_back(rows.data() + static_cast<size_t>(y) * row_bytes);
  png_set_rows(png, info, pointers.data());
  png_write_png(png, info, PNG_TRANSFORM_IDENTITY, nullptr);
  png_destroy_write_struct(&png, &info);
  return content;
}

Image read(const std::string& content) { return read_png({bytes_of(content), "a.png"}); }

TEST(PngTest, ReadsEveryKind) {
  const std::vector<png_color> palette = {{10, 20, 30}, {40, 50, 60}};
  struct Case {
    std::string name;
    Variant variant;
    std::vector<uint8_t> rows;
    int64_t channels;
    std::vector<uint8_t> values;
  };
  const std::vector<Case> cases = {
      {"grey", {2, 2}, {1, 2, 3, 4}, 1, {1, 2, 3, 4}},
      {"gamma is left alone", {.width = 2, .height = 1, .gamma = 0.45}, {100, 200}, 1, {100, 200}},
      {"1 bit", {.width = 3, .height = 1, .bits = 1}, {0b10100000}, 1, {255, 0, 255}},
      {"4 bits", {.width = 2, .height = 1, .bits = 4}, {0x1F}, 1, {17, 255}},
      {"grey and alpha", {.width = 2, .height = 1, .colour = PNG_COLOR_TYPE_GRAY_ALPHA}, {7, 0, 8, 255}, 1, {7, 8}},
      {"RGB", {.width = 1, .height = 1, .colour = PNG_COLOR_TYPE_RGB}, {1, 2, 3}, 3, {1, 2, 3}},
      {"RGBA", {.width = 1, .height = 1, .colour = PNG_COLOR_TYPE_RGB_ALPHA}, {1, 2, 3, 0}, 3, {1, 2, 3}},
      {"palette", {.width = 2, .height = 1, .colour = PNG_COLOR_TYPE_PALETTE, .palette = palette}, {1, 0}, 3, {40, 50, 60, 10, 20, 30}},
      {"see-through palette",
       {.width = 1, .height = 1, .bits = 1, .colour = PNG_COLOR_TYPE_PALETTE, .palette = palette, .palette_alpha = {0}},
       {0},
       3,
       {10, 20, 30}},
  };
  for (const Case& one : cases) {
    SCOPED_TRACE(one.name);
    const std::string content = write_with_libpng(one.variant, one.rows);
    const Image image = read(content);
    EXPECT_EQ(image.size, (std::array<int64_t, 3>{one.variant.width, one.variant.height, 1}));
    EXPECT_EQ(image.channels, one.channels);
    EXPECT_EQ(values_of<uint8_t>(image), one.values);
    const ImageHeader header = read_png_header({bytes_of(content), "a.png"});
    EXPECT_EQ(header.size, image.size);
    EXPECT_EQ(header.channels, image.channels);
    EXPECT_EQ(header.type, image.type);
  }
}

TEST(PngTest, SixteenBitsKeepTheirValues) {
  const Variant variant{.width = 2, .height = 1, .bits = 16};
  EXPECT_EQ(values_of<uint16_t>(read(write_with_libpng(variant, {0x12, 0x34, 0xFF, 0xFE}))), (std::vector<uint16_t>{0x1234, 0xFFFE}));
}

TEST(PngTest, InterlacedEqualsPlain) {
  std::vector<uint8_t> values(17 * 11);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<uint8_t>(i * 7);
  EXPECT_EQ(values_of<uint8_t>(read(write_with_libpng({.width = 17, .height = 11, .is_interlaced = true}, values))), values);
}

/// A chunk with a right checksum.
std::string chunk(const std::string& name, const std::string& data) {
  const auto be32 = [](uint64_t value) {
    return std::string{static_cast<char>(value >> 24), static_cast<char>(value >> 16), static_cast<char>(value >> 8),
                       static_cast<char>(value)};
  };
  return be32(data.size()) + name + data + be32(crc32(name + data));
}

std::string header_chunk(uint32_t width, uint32_t height, char bits, char colour) {
  std::string data;
  for (const uint32_t value : {width, height}) {
    for (int shift = 24; shift >= 0; shift -= 8) data += static_cast<char>(value >> shift);
  }
  return chunk("IHDR", data + bits + colour + std::string(3, '\0'));
}

TEST(PngError, NamesWhatIsWrong) {
  const std::string signature = "\x89PNG\r\n\x1a\n";
  const std::string good = write_with_libpng({.width = 2, .height = 2}, {1, 2, 3, 4});
  const std::string end = chunk("IEND", "");
  std::string bad_data = good;
  bad_data[45] ^= 0x55;
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"II*\0....", "is not a PNG file"},
      {"\x89PN", "3 bytes, but its header promises at least 12: the file is cut off"},
      {good.substr(0, 20), "20 bytes, but its header promises at least 24: the file is cut off"},
      {good.substr(0, good.size() - 2), std::to_string(good.size() - 2) + " bytes, but its header promises at least " +
                                            std::to_string(good.size()) + ": the file is cut off"},
      {signature + chunk("IDAT", "0123456789abc") + end, "its PNG header is damaged"},
      {signature + header_chunk(2, 2, 3, 0) + end, "its PNG header is damaged: 3 bits of colour type 0"},
      {signature + header_chunk(2, 2, 16, 3) + end, "its PNG header is damaged: 16 bits of colour type 3"},
      {signature + header_chunk(0, 2, 8, 0) + end, "size 0 x 2 x 1, 1 channels: every side must be at least 1"},
      {signature + header_chunk(0x7FFFFFFF, 0x7FFFFFFF, 8, 2) + end, "size 2147483647 x 2147483647 x 1, 3 channels: over 2^31 values"},
      {signature + header_chunk(1000, 1000, 8, 0) + chunk("IDAT", "xyz") + end, "its 3 bytes of pixel data cannot hold 1000 x 1000 pixels"},
      {signature + header_chunk(2, 2, 8, 0) + chunk("IDAT", "xyz") + end, "its pixel data are damaged"},
      {bad_data, "its pixel data are damaged"},
  };
  for (const auto& [content, message] : cases) EXPECT_EQ(testing::data_error([&content = content] { read(content); }), "a.png: " + message);
}

TEST(PngError, LibpngIsSilent) {
  std::string content = write_with_libpng({.width = 2, .height = 2}, {1, 2, 3, 4});
  content[45] ^= 0x55;
  ::testing::internal::CaptureStderr();
  EXPECT_NE(testing::data_error([&] { read(content); }), "<no error>");
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
}

RC_GTEST_PROP(PngError, SurvivesDamagedFiles, ()) {
  const Image image = *any_image(*rc::gen::element(PixelType::u8, PixelType::u16), *rc::gen::element<int64_t>(1, 3));
  const int whole = read_damaged_copies(encode_png(image), [](std::span<const std::byte> bytes) { read_png({bytes, "a.png"}); });
  RC_ASSERT(whole == 0);
}

}  // namespace
}  // namespace larmor::imaging
