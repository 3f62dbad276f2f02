#include "imaging/tiff.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <tiffio.h>

#include <map>

#include "core/files.h"
#include "tests/imaging/support.h"
#include "tests/support/golden.h"

namespace larmor::imaging {
namespace {

/// How libtiff shall write a file that our reader then reads.
struct Variant {
  std::string mode = "w";  ///< of TIFFOpen: "wl" little-endian, "wb" big-endian, "w8" BigTIFF
  int compression = COMPRESSION_NONE;
  int predictor = 0;
  int planar = PLANARCONFIG_CONTIG;
  int photometric = PHOTOMETRIC_MINISBLACK;
  int tile = 0;
  int rows_per_strip = 3;
  std::vector<uint16_t> extra_samples;
};

void write_plane(TIFF* tiff, const Image& image, const Variant& variant, int64_t z, int64_t sample) {
  const size_t element = size_of(image.type);
  const bool is_planar = variant.planar == PLANARCONFIG_SEPARATE;
  const auto pixel_at = [&](int64_t x, int64_t y) {
    const int64_t index = ((z * image.height() + y) * image.width() + x) * image.channels + (is_planar ? sample : 0);
    return image.bytes.data() + static_cast<size_t>(index) * element;
  };
  const size_t step = element * static_cast<size_t>(is_planar ? 1 : image.channels);
  const int64_t side = variant.tile;
  if (side == 0) {
    std::vector<std::byte> row(step * static_cast<size_t>(image.width()));
    for (int64_t y = 0; y < image.height(); ++y) {
      for (int64_t x = 0; x < image.width(); ++x) std::memcpy(row.data() + static_cast<size_t>(x) * step, pixel_at(x, y), step);
      ASSERT_EQ(TIFFWriteScanline(tiff, row.data(), static_cast<uint32_t>(y), static_cast<uint16_t>(sample)), 1);
    }
    return;
  }
  for (int64_t top = 0; top < image.height(); top += side) {
    for (int64_t left = 0; left < image.width(); left += side) {
      std::vector<std::byte> tile(step * static_cast<size_t>(side * side));
      for (int64_t y = top; y < std::min(top + side, image.height()); ++y) {
        for (int64_t x = left; x < std::min(left + side, image.width()); ++x) {
          std::memcpy(tile.data() + static_cast<size_t>((y - top) * side + x - left) * step, pixel_at(x, y), step);
        }
      }
      ASSERT_GT(TIFFWriteTile(tiff, tile.data(), static_cast<uint32_t>(left), static_cast<uint32_t>(top), 0, static_cast<uint16_t>(sample)),
                0);
    }
  }
}

std::string write_with_libtiff(const Image& image, const Variant& variant) {
  const auto path = testing::make_temporary_folder("tiff") / "a.tif";
  TIFF* tiff = TIFFOpen(path.c_str(), variant.mode.c_str());
  const bool is_signed = image.type == PixelType::i16 || image.type == PixelType::i32;
  for (int64_t z = 0; z < image.depth(); ++z) {
    TIFFSetField(tiff, TIFFTAG_IMAGEWIDTH, static_cast<uint32_t>(image.width()));
    TIFFSetField(tiff, TIFFTAG_IMAGELENGTH, static_cast<uint32_t>(image.height()));
    TIFFSetField(tiff, TIFFTAG_BITSPERSAMPLE, static_cast<int>(8 * size_of(image.type)));
    TIFFSetField(tiff, TIFFTAG_SAMPLESPERPIXEL, static_cast<int>(image.channels));
    TIFFSetField(tiff, TIFFTAG_SAMPLEFORMAT,
                 image.type == PixelType::f32 ? SAMPLEFORMAT_IEEEFP
                 : is_signed                  ? SAMPLEFORMAT_INT
                                              : SAMPLEFORMAT_UINT);
    TIFFSetField(tiff, TIFFTAG_PHOTOMETRIC, variant.photometric);
    TIFFSetField(tiff, TIFFTAG_PLANARCONFIG, variant.planar);
    TIFFSetField(tiff, TIFFTAG_COMPRESSION, variant.compression);
    if (variant.predictor != 0) TIFFSetField(tiff, TIFFTAG_PREDICTOR, variant.predictor);
    if (!variant.extra_samples.empty()) {
      TIFFSetField(tiff, TIFFTAG_EXTRASAMPLES, static_cast<int>(variant.extra_samples.size()), variant.extra_samples.data());
    }
    if (variant.tile > 0) {
      TIFFSetField(tiff, TIFFTAG_TILEWIDTH, variant.tile);
      TIFFSetField(tiff, TIFFTAG_TILELENGTH, variant.tile);
    } else {
      TIFFSetField(tiff, TIFFTAG_ROWSPERSTRIP, variant.rows_per_strip);
    }
    const int64_t planes = variant.planar == PLANARCONFIG_SEPARATE ? image.channels : 1;
    for (int64_t sample = 0; sample < planes; ++sample) write_plane(tiff, image, variant, z, sample);
    TIFFWriteDirectory(tiff);
  }
  TIFFClose(tiff);
  return read_file(path);
}

Image counting_image(PixelType type, int64_t channels, std::array<int64_t, 3> size = {21, 10, 1}) {
  Image image = Image::make(size, channels, PixelType::i32);
  for (int64_t i = 0; i < image.elements(); ++i) image.data<int32_t>()[i] = static_cast<int32_t>(i * 37 % 251);
  return convert(image, type);
}

Image read(const std::string& content) { return read_tiff({bytes_of(content), "a.tif"}); }

void expect_same(const Image& image, const Image& expected) {
  EXPECT_EQ(image.size, expected.size);
  EXPECT_EQ(image.channels, expected.channels);
  EXPECT_EQ(to_string(image.type), to_string(expected.type));
  EXPECT_TRUE(image.bytes == expected.bytes);
}

TEST(TiffTest, ReadsEveryLayoutThatLibtiffWrites) {
  for (const char* mode : {"wl", "wb", "wl8", "wb8"}) {
    for (const int compression :
         {COMPRESSION_NONE, COMPRESSION_LZW, COMPRESSION_ADOBE_DEFLATE, COMPRESSION_DEFLATE, COMPRESSION_PACKBITS}) {
      for (const int planar : {PLANARCONFIG_CONTIG, PLANARCONFIG_SEPARATE}) {
        for (const int tile : {0, 16}) {
          for (const PixelType type : {PixelType::u8, PixelType::i16, PixelType::u16, PixelType::i32, PixelType::f32}) {
            SCOPED_TRACE(::testing::Message() << mode << " " << compression << " " << planar << " " << tile << " " << to_string(type));
            const Image image = counting_image(type, 3);
            Variant variant{.mode = mode, .compression = compression, .planar = planar, .photometric = PHOTOMETRIC_RGB, .tile = tile};
            expect_same(read(write_with_libtiff(image, variant)), image);
          }
        }
      }
    }
  }
}

TEST(TiffTest, UndoesPredictors) {
  const Image shorts = counting_image(PixelType::u16, 1);
  const Image floats = counting_image(PixelType::f32, 1);
  expect_same(read(write_with_libtiff(shorts, {.mode = "wl", .compression = COMPRESSION_LZW, .predictor = 2})), shorts);
  expect_same(read(write_with_libtiff(shorts, {.mode = "wb", .compression = COMPRESSION_LZW, .predictor = 2})), shorts);
  expect_same(read(write_with_libtiff(floats, {.mode = "wl", .compression = COMPRESSION_ADOBE_DEFLATE, .predictor = 3})), floats);
}

TEST(TiffError, FloatPredictorOfBigEndianFiles) {
  const Variant variant{.mode = "wb", .compression = COMPRESSION_ADOBE_DEFLATE, .predictor = 3};
  const std::string content = write_with_libtiff(counting_image(PixelType::f32, 1), variant);
  EXPECT_EQ(testing::data_error([&] { read(content); }), "a.tif: the predictor for floats is supported in little-endian files only");
}

TEST(TiffTest, PagesAreSlices) {
  const Image volume = counting_image(PixelType::u16, 1, {5, 4, 7});
  for (const int compression : {COMPRESSION_NONE, COMPRESSION_LZW}) {
    expect_same(read(write_with_libtiff(volume, {.compression = compression})), volume);
  }
}

TEST(TiffTest, InvertsMinIsWhite) {
  const Image image = image_of<uint8_t>({3, 1, 1}, {0, 100, 255});
  const Image shorts = image_of<uint16_t>({2, 1, 1}, {0, 65000});
  EXPECT_EQ(values_of<uint8_t>(read(write_with_libtiff(image, {.photometric = PHOTOMETRIC_MINISWHITE}))),
            (std::vector<uint8_t>{255, 155, 0}));
  EXPECT_EQ(values_of<uint16_t>(read(write_with_libtiff(shorts, {.photometric = PHOTOMETRIC_MINISWHITE}))),
            (std::vector<uint16_t>{65535, 535}));
}

TEST(TiffTest, DropsAlphaButKeepsOtherChannels) {
  const Image grey = image_of<uint8_t>({2, 1, 1}, {1, 2, 3, 4}, 2);
  const Variant alpha{.extra_samples = {EXTRASAMPLE_UNASSALPHA}};
  EXPECT_EQ(values_of<uint8_t>(read(write_with_libtiff(grey, alpha))), (std::vector<uint8_t>{1, 3}));
  EXPECT_EQ(values_of<uint8_t>(read(write_with_libtiff(grey, {.extra_samples = {EXTRASAMPLE_UNSPECIFIED}}))),
            (std::vector<uint8_t>{1, 2, 3, 4}));
  const Image colour = image_of<uint8_t>({1, 1, 1}, {1, 2, 3, 4}, 4);
  const Variant rgba{.photometric = PHOTOMETRIC_RGB, .extra_samples = {EXTRASAMPLE_ASSOCALPHA}};
  const std::string content = write_with_libtiff(colour, rgba);
  EXPECT_EQ(values_of<uint8_t>(read(content)), (std::vector<uint8_t>{1, 2, 3}));
  EXPECT_EQ(read_tiff_header({bytes_of(content), "a.tif"}).channels, 3);
}

RC_GTEST_PROP(TiffTest, ReadsBackWhatItWrites, ()) {
  const PixelType type = *rc::gen::element(PixelType::u8, PixelType::i16, PixelType::u16, PixelType::i32, PixelType::f32);
  const Image image = *any_image(type, *rc::gen::inRange<int64_t>(1, 6), 4);
  const std::string content = encode_tiff(image);
  const Image back = read(content);
  RC_ASSERT(back.size == image.size);
  RC_ASSERT(back.channels == image.channels);
  RC_ASSERT(back.type == image.type);
  RC_ASSERT(back.bytes == image.bytes);
  const ImageHeader header = read_tiff_header({bytes_of(content), "a.tif"});
  RC_ASSERT(header.size == image.size);
  RC_ASSERT(header.channels == image.channels);
  RC_ASSERT(header.type == image.type);
}

TEST(TiffTest, LibtiffReadsWhatItWrites) {
  const Image image = counting_image(PixelType::u16, 3);
  const auto path = testing::make_temporary_folder("tiff") / "a.tif";
  write_file_atomically(path, encode_tiff(image));
  TIFF* tiff = TIFFOpen(path.c_str(), "r");
  ASSERT_NE(tiff, nullptr);
  std::vector<std::byte> row(static_cast<size_t>(TIFFScanlineSize(tiff)));
  ASSERT_EQ(row.size(), 21U * 3 * 2);
  for (uint32_t y = 0; y < 10; ++y) {
    ASSERT_EQ(TIFFReadScanline(tiff, row.data(), y), 1);
    EXPECT_EQ(std::memcmp(row.data(), image.bytes.data() + y * row.size(), row.size()), 0);
  }
  TIFFClose(tiff);
}

/// A classic little-endian TIFF of 4 x 3 bytes at byte 8, field by field.
class HandmadeTiff {
 public:
  HandmadeTiff() {
    set(TIFFTAG_IMAGEWIDTH, {4});
    set(TIFFTAG_IMAGELENGTH, {3});
    set(TIFFTAG_BITSPERSAMPLE, {8});
    set(TIFFTAG_COMPRESSION, {1});
    set(TIFFTAG_PHOTOMETRIC, {1});
    set(TIFFTAG_STRIPOFFSETS, {8});
    set(TIFFTAG_STRIPBYTECOUNTS, {12});
    set(TIFFTAG_ROWSPERSTRIP, {3});
  }
  HandmadeTiff& set(uint16_t tag, std::vector<uint32_t> values) {
    fields_[tag] = std::move(values);
    return *this;
  }
  HandmadeTiff& remove(uint16_t tag) {
    fields_.erase(tag);
    return *this;
  }
  HandmadeTiff& set_next(uint32_t offset) {
    next_ = offset;
    return *this;
  }
  HandmadeTiff& set_type(uint16_t tag, uint16_t type) {
    types_[tag] = type;
    return *this;
  }
  HandmadeTiff& set_count(uint16_t tag, uint32_t count) {
    counts_[tag] = count;
    return *this;
  }

  /// Header, 12 voxels, the directory at byte 20, then lists.
  std::string bytes() const {
    std::string file("II*\0\x14\0\0\0", 8);
    for (char value = 1; value <= 12; ++value) file += value;
    put16(file, static_cast<uint32_t>(fields_.size()));
    const size_t lists_start = file.size() + 12 * fields_.size() + 4;
    std::string lists;
    for (const auto& [tag, values] : fields_) {
      put16(file, tag);
      put16(file, types_.contains(tag) ? types_.at(tag) : uint16_t{TIFF_LONG});
      put32(file, counts_.contains(tag) ? counts_.at(tag) : static_cast<uint32_t>(values.size()));
      if (values.size() == 1) {
        put32(file, values[0]);
        continue;
      }
      put32(file, static_cast<uint32_t>(lists_start + lists.size()));
      for (const uint32_t value : values) put32(lists, value);
    }
    put32(file, next_);
    return file + lists;
  }

 private:
  static void put16(std::string& text, uint32_t value) { text.append({static_cast<char>(value), static_cast<char>(value >> 8)}); }
  static void put32(std::string& text, uint32_t value) { put16(text, value), put16(text, value >> 16); }
  std::map<uint16_t, std::vector<uint32_t>> fields_;
  std::map<uint16_t, uint16_t> types_;
  std::map<uint16_t, uint32_t> counts_;
  uint32_t next_ = 0;
};

TEST(TiffTest, ReadsAHandmadeFile) {
  expect_same(read(HandmadeTiff().bytes()), image_of<uint8_t>({4, 3, 1}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}));
}

TEST(TiffTest, WidensTypesThatPixelTypesLack) {
  HandmadeTiff file;
  file.set(TIFFTAG_IMAGEWIDTH, {1}).set(TIFFTAG_IMAGELENGTH, {1}).set(TIFFTAG_ROWSPERSTRIP, {1});
  const std::string signed_bytes = HandmadeTiff(file).set(TIFFTAG_SAMPLEFORMAT, {2}).bytes();
  EXPECT_EQ(values_of<int16_t>(read(signed_bytes)), std::vector<int16_t>{1});
  const std::string doubles = HandmadeTiff(file).set(TIFFTAG_BITSPERSAMPLE, {64}).set(TIFFTAG_SAMPLEFORMAT, {3}).bytes();
  EXPECT_EQ(read(doubles).type, PixelType::f32);
  const std::string longs = HandmadeTiff(file).set(TIFFTAG_BITSPERSAMPLE, {32}).bytes();
  EXPECT_EQ(values_of<float>(read(longs)), std::vector<float>{67305984.0F});
}

TEST(TiffError, NamesWhatIsWrong) {
  const auto make = [] { return HandmadeTiff(); };
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"II", "2 bytes, but its header promises at least 8: the file is cut off"},
      {"\x89PNG\r\n\x1a\n....", "is not a TIFF file"},
      {std::string("II*\0\0\0\0\0", 8), "its header is damaged: no directory can be at byte 0"},
      {std::string("II+\0\x04\0\0\0\0\0\0\0\0\0\0\0", 16), "its BigTIFF header is damaged"},
      {std::string("II*\0\x08\x01\0\0", 8), "8 bytes, but its header promises at least 266: the file is cut off"},
      {std::string("II*\0\x08\0\0\0\xFF\xFF", 10), "a directory with 65535 fields; at most 1024 are read"},
      {make().bytes().substr(0, 60), "60 bytes, but its header promises at least 122: the file is cut off"},
      {make().remove(TIFFTAG_IMAGEWIDTH).bytes(), "its header lacks field 256"},
      {make().set(TIFFTAG_IMAGEWIDTH, {0}).bytes(), "size 0 x 3 x 1, 1 channels: every side must be at least 1"},
      {make().set(TIFFTAG_IMAGEWIDTH, {0xFFFFFFFF}).set(TIFFTAG_IMAGELENGTH, {0xFFFFFFFF}).bytes(),
       "size 4294967295 x 4294967295 x 1, 1 channels: over 2^31 values"},
      {make().set(TIFFTAG_BITSPERSAMPLE, {1}).bytes(), "bits per sample 1 is not supported; allowed: 8, 16, 32, 64"},
      {make().set(TIFFTAG_BITSPERSAMPLE, {8, 16}).set(TIFFTAG_SAMPLESPERPIXEL, {2}).bytes(), "its channels differ in field 258"},
      {make().set(TIFFTAG_SAMPLEFORMAT, {5}).bytes(), "sample format 5 is not supported; allowed: 1 (unsigned), 2 (signed), 3 (float)"},
      {make().set(TIFFTAG_SAMPLEFORMAT, {3}).bytes(), "bits per float sample 8 is not supported; allowed: 32, 64"},
      {make().set(TIFFTAG_PHOTOMETRIC, {3}).bytes(), "photometric interpretation 3 is not supported; allowed: 0, 1 (grey), 2 (RGB)"},
      {make().set(TIFFTAG_PHOTOMETRIC, {0}).set(TIFFTAG_SAMPLEFORMAT, {2}).bytes(),
       "inverted grey (photometric interpretation 0) is supported for 8 and 16 bits unsigned only"},
      {make().set(TIFFTAG_ORIENTATION, {3}).bytes(), "orientation 3 is not supported; allowed: 1 (first row on top, first column left)"},
      {make().set(TIFFTAG_FILLORDER, {2}).bytes(), "fill order 2 is not supported; allowed: 1"},
      {make().set(TIFFTAG_COMPRESSION, {7}).bytes(),
       "compression 7 is not supported; allowed: 1 (none), 5 (LZW), 8 and 32946 (Deflate), 32773 (PackBits)"},
      {make().set(TIFFTAG_PLANARCONFIG, {3}).bytes(), "planar configuration 3 is not supported; allowed: 1, 2"},
      {make().set(TIFFTAG_COMPRESSION, {5}).set(TIFFTAG_PREDICTOR, {4}).bytes(), "predictor 4 is not supported; allowed: 1, 2, 3"},
      {make().set(TIFFTAG_ROWSPERSTRIP, {0}).bytes(), "its strips or tiles are empty"},
      {make().set(TIFFTAG_ROWSPERSTRIP, {1}).bytes(), "its header lists 1 offsets and 1 sizes of strips; 3 are needed"},
      {make().set(TIFFTAG_STRIPBYTECOUNTS, {5}).bytes(), "its header gives 5 bytes to a part that holds 12"},
      {make().set(TIFFTAG_COMPRESSION, {32773}).set(TIFFTAG_STRIPBYTECOUNTS, {0}).bytes(),
       "its header gives 0 bytes to a part that holds 12"},
      {make().set(TIFFTAG_STRIPOFFSETS, {65662}).bytes(), "122 bytes, but its header promises at least 65674: the file is cut off"},
      {make().set(TIFFTAG_TILEWIDTH, {100000}).set(TIFFTAG_TILELENGTH, {16}).bytes(), "its tiles are larger than 65536"},
      {make().set_type(TIFFTAG_IMAGEWIDTH, TIFF_ASCII).bytes(), "field 256 is of type 2, not a whole number"},
      {make().set_count(TIFFTAG_STRIPOFFSETS, 1000).bytes(), "122 bytes, but its header promises at least 4008: the file is cut off"},
      {make().set_next(20).bytes(), "its pages form a circle"},
      {make().set(TIFFTAG_COMPRESSION, {5}).bytes(), "its compressed data are damaged"},
      {make().set(TIFFTAG_COMPRESSION, {8}).bytes(), "its compressed data are damaged"},
  };
  for (const auto& [content, message] : cases) {
    EXPECT_EQ(testing::data_error([&content = content] { read_tiff({bytes_of(content), "a.tif"}); }), "a.tif: " + message);
  }
}

TEST(TiffError, PagesMustBeSlicesOfOneVolume) {
  const std::string first = HandmadeTiff().set_next(122).bytes();
  // The second directory lies right behind; its offsets are absolute, so it may share the voxels.
  const std::string second = HandmadeTiff().set(TIFFTAG_IMAGEWIDTH, {3}).bytes().substr(20);
  const std::string content = first + second;
  EXPECT_EQ(testing::data_error([&] {
              read_tiff({bytes_of(content), "a.tif"});
            }),
            "a.tif: page 2 is 3 x 3, 1 channels of u8, but page 1 is 4 x 3, 1 channels of u8: these are not the slices of one volume");
}

TEST(TiffError, LibtiffIsSilent) {
  ::testing::internal::CaptureStderr();
  const std::string content = HandmadeTiff().set(TIFFTAG_COMPRESSION, {5}).bytes();
  EXPECT_NE(testing::data_error([&] { read_tiff({bytes_of(content), "a.tif"}); }), "<no error>");
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
}

RC_GTEST_PROP(TiffError, SurvivesDamagedFiles, ()) {
  const int compression = *rc::gen::element(COMPRESSION_NONE, COMPRESSION_LZW, COMPRESSION_ADOBE_DEFLATE, COMPRESSION_PACKBITS);
  const Image image = *any_image(PixelType::u16, *rc::gen::element<int64_t>(1, 3), 2);
  const Variant variant{
      .mode = *rc::gen::element<std::string>("wl", "wb", "wl8"), .compression = compression, .tile = *rc::gen::element(0, 16)};
  read_damaged_copies(write_with_libtiff(image, variant), [](std::span<const std::byte> bytes) {
    read_tiff({bytes, "a.tif"});
    read_tiff_header({bytes, "a.tif"});
  });
}

TEST(TiffData, ReadsEveryLggSlice) {
  const auto folder = testing::lgg_data();
  LARMOR_NEEDS(folder, "the LGG slices");
  int slices = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.path().extension() != ".tif") continue;
    const std::string content = read_file(entry.path());
    const Image image = read_tiff({bytes_of(content), entry.path().string()});
    const bool is_mask = entry.path().stem().string().ends_with("_mask");
    ASSERT_EQ(image.size, (std::array<int64_t, 3>{256, 256, 1}));
    ASSERT_EQ(image.channels, is_mask ? 1 : 3);
    ASSERT_EQ(image.type, PixelType::u8);
    if (!is_mask) continue;
    ++slices;
    for (const uint8_t value : values_of<uint8_t>(image)) ASSERT_TRUE(value == 0 || value == 255) << entry.path();
  }
  EXPECT_GT(slices, 0);
}

}  // namespace
}  // namespace larmor::imaging
