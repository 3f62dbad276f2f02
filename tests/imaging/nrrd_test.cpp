#include "imaging/nrrd.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <fstream>

#include "core/files.h"
#include "imaging/io.h"
#include "imaging/transform.h"
#include "tests/imaging/support.h"
#include "tests/support/golden.h"

namespace larmor::imaging {
namespace {

namespace fs = std::filesystem;

Image read_text(const std::string& text, NrrdKeys* keys = nullptr) { return read_nrrd({bytes_of(text), "a.nrrd"}, "", keys); }

const std::string kHead = "NRRD0004\n# a comment\ntype: uchar\ndimension: 3\nsizes: 2 1 2\nencoding: raw\n";

TEST(NrrdTest, ReadsSpacesDirectionsAndOrigin) {
  struct Case {
    const char* lines;
    Geometry expected;
  };
  const Case cases[] = {
      {"", {}},
      {"spacings: 0.5 2 3\n", {{0.5, 2, 3}, {0, 0, 0}, {1, 0, 0, 0, 1, 0, 0, 0, 1}, true}},
      {"spacings: 0.5 nan 3\n", {{0.5, 1, 3}, {0, 0, 0}, {1, 0, 0, 0, 1, 0, 0, 0, 1}, false}},
      {"space: left-posterior-superior\nspace directions: (0.5,0,0) (0,0,-2) (0, 3, 0)\nspace origin: (1,2,3)\n",
       {{0.5, 2, 3}, {1, 2, 3}, {1, 0, 0, 0, 0, 1, 0, -1, 0}, true}},
      {"space: RAS\nspace directions: (0.5,0,0) (0,2,0) (0,0,3)\nspace origin: (1,2,3)\n",
       {{0.5, 2, 3}, {-1, -2, 3}, {-1, 0, 0, 0, -1, 0, 0, 0, 1}, true}},
      {"space: left-anterior-superior\r\nspace directions: (0.5,0,0) (0,2,0) (0,0,3)\r\nspace origin: (1,2,3)\r\n",
       {{0.5, 2, 3}, {1, -2, 3}, {1, 0, 0, 0, -1, 0, 0, 0, 1}, true}},
  };
  for (const Case& one : cases) {
    const Image image = read_text(kHead + one.lines + "\n\1\2\3\4");
    EXPECT_EQ(image.geometry, one.expected) << one.lines;
    EXPECT_EQ(image.size, (std::array<int64_t, 3>{2, 1, 2}));
    EXPECT_EQ(values_of<uint8_t>(image), (std::vector<uint8_t>{1, 2, 3, 4}));
  }
}

TEST(NrrdTest, ChannelsComeFirstOrLast) {
  const std::string head = "NRRD0005\ntype: uint8\ndimension: 4\nencoding: raw\n";
  const std::string first = head + "sizes: 2 3 1 1\nkinds: vector domain domain domain\n\n" + "abcdef";
  const std::string last = head + "sizes: 3 1 1 2\nspace: LPS\nspace directions: (1,0,0) (0,1,0) (0,0,1) none\n\n" + "acebdf";
  const std::string plain = head + "sizes: 3 1 1 2\n\n" + "acebdf";
  for (const std::string& text : {first, last, plain}) {
    const Image image = read_text(text);
    EXPECT_EQ(image.channels, 2);
    EXPECT_EQ(image.size, (std::array<int64_t, 3>{3, 1, 1}));
    EXPECT_EQ(values_of<uint8_t>(image), (std::vector<uint8_t>{'a', 'b', 'c', 'd', 'e', 'f'}));
  }
}

TEST(NrrdTest, ByteOrderWidthsSkipsAndKeys) {
  NrrdKeys keys;
  const std::string big = "NRRD0001\ntype: short\ndimension: 1\nsizes: 2\nendian: big\nencoding: raw\na key:=a value: with := signs\n\n";
  EXPECT_EQ(values_of<int16_t>(read_text(big + std::string("\1\2\xff\xfe", 4), &keys)), (std::vector<int16_t>{258, -2}));
  EXPECT_EQ(keys, (NrrdKeys{{"a key", "a value: with := signs"}}));
  const std::string skip = "NRRD0001\ntype: int8\ndimension: 2\nsizes: 2 1\nencoding: raw\nbyte skip: ";
  EXPECT_EQ(values_of<int16_t>(read_text(skip + "3\n\nxyz\1\xff")), (std::vector<int16_t>{1, -1}));
  EXPECT_EQ(values_of<int16_t>(read_text(skip + "-1\n\nmuch before\1\xff")), (std::vector<int16_t>{1, -1}));
}

RC_GTEST_PROP(NrrdTest, KeepsVoxelsGeometryAndKeys, (bool is_detached)) {
  const PixelType type = *rc::gen::element(PixelType::u8, PixelType::i16, PixelType::u16, PixelType::i32, PixelType::f32);
  Image image = *any_image(type, *rc::gen::element<int64_t>(1, 3), 4);
  image.geometry = {{0.7, 1.3, 5}, {-10, 20.25, 30}, rigid_transform({5, 15, -25}, {}, {}).matrix, true};
  const fs::path file = testing::make_temporary_folder("nrrd") / (is_detached ? "a.nhdr" : "a.nrrd");
  write_nrrd(file, image, {{"colour", "red"}});
  NrrdKeys keys;
  const std::string content = read_file(file);
  const Image back = read_nrrd({bytes_of(content), "a"}, file.parent_path(), &keys);
  RC_ASSERT(back.size == image.size);
  RC_ASSERT(back.channels == image.channels);
  RC_ASSERT(back.type == image.type);
  RC_ASSERT(back.bytes == image.bytes);
  RC_ASSERT(keys == (NrrdKeys{{"colour", "red"}}));
  for (size_t i = 0; i < 3; ++i) RC_ASSERT(std::abs(back.geometry.spacing_mm[i] - image.geometry.spacing_mm[i]) < 1e-12);
  for (size_t i = 0; i < 9; ++i) RC_ASSERT(std::abs(back.geometry.direction[i] - image.geometry.direction[i]) < 1e-12);
  RC_ASSERT(back.geometry.origin_mm == image.geometry.origin_mm);
  const ImageHeader header = read_header(file);
  RC_ASSERT(header.size == back.size && header.channels == back.channels && header.type == back.type && header.geometry == back.geometry);
}

RC_GTEST_PROP(NrrdError, DamagedFilesAreRefused, ()) {
  const Image image = *any_image(PixelType::i16, 2, 2);
  const fs::path file = testing::make_temporary_folder("nrrd") / "a.nrrd";
  write_nrrd(file, image);
  RC_ASSERT(read_damaged_copies(read_file(file), [](std::span<const std::byte> bytes) {
              const FileBytes part{bytes, "a.nrrd"};
              read_nrrd_header(part, "");
              read_nrrd(part, "");
            }) == 0);
}

TEST(NrrdError, NamesWhatIsWrong) {
  const std::string type = "NRRD0004\ntype: short\ndimension: 2\nsizes: 2 2\nendian: little\n";
  const std::pair<std::string, std::string> cases[] = {
      {"NRRD", "is not a NRRD file"},
      {"NRRD0004\n\n", "its header is damaged: type: is missing"},
      {"NRRD0004\nhello\n\n", "its header is damaged: 'hello' is no field"},
      {"NRRD0004\ntype: block\n\n", "its header is damaged: type: 'block'"},
      {type + "encoding: bzip2\n\n", "encoding 'bzip2' is not supported; allowed: raw, gzip"},
      {type + "encoding: raw\ntype: int\n\n", "its header has two fields 'type'"},
      {type + "encoding: raw\nline skip: 1\n\n", "line skip is not supported"},
      {type + "encoding: raw\n\nabc", "78 bytes, but its header promises at least 83: the file is cut off"},
      {type + "encoding: gzip\n\nabc", "its compressed data are damaged"},
      {type + "encoding: raw\ndata file: a.raw\n\n", "its voxels are in another file"},
      {type + "encoding: raw\nspace: scanner-xyz\nspace directions: (1,0,0) (0,1,0)\n\nabcdefgh",
       "space 'scanner-xyz' is not supported; allowed: left-posterior-superior, right-anterior-superior, left-anterior-superior"},
      {type + "encoding: raw\nspace directions: (1,0,0) (2,0,0)\n\nabcdefgh",
       "its header is damaged: space directions '(1,0,0) (2,0,0)' span no volume"},
      {type + "encoding: raw\nspace directions: (1,0) (2,0)\n\nabcdefgh", "its header is damaged: space directions: '(1,0) (2,0)'"},
      {"NRRD0004\ntype: uchar\ndimension: 2\nsizes: 2\nencoding: raw\n\n", "its header is damaged: sizes: '2'"},
      {"NRRD0004\ntype: uchar\ndimension: 5\nsizes: 2 2 2 2 2\nencoding: raw\n\n",
       "5 axes are not supported; allowed: three of space and one of channels"},
      {"NRRD0004\ntype: short\ndimension: 1\nsizes: 2\nencoding: raw\n\nabcd", "its header is damaged: endian: is missing"},
      {"NRRD0004\ntype: uchar\ndimension: 3\nsizes: 2 3 2\nkinds: domain list domain\nencoding: raw\n\n",
       "size 2 x 3 x 2: three axes of space and one of channels, first or last, are allowed"},
  };
  for (const auto& [text, message] : cases) {
    EXPECT_EQ(testing::data_error([&, content = text] { read_text(content); }), "a.nrrd: " + message);
  }
  const std::string detached = type + "encoding: raw\ndata file: ";
  for (const char* name : {"../secret", "/etc/passwd", "LIST", "a b.raw", "a%03d.raw"}) {
    EXPECT_EQ(testing::data_error([&] {
                read_nrrd({bytes_of(detached + name + "\n\n"), "a.nhdr"}, "folder");
              }),
              std::string("a.nhdr: data file '") + name + "' is not supported; allowed: the name of one file in the same folder");
  }
}

}  // namespace
}  // namespace larmor::imaging
