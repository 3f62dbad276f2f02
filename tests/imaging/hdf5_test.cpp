#include "imaging/hdf5.h"

#include <gtest/gtest.h>
#include <hdf5.h>
#include <rapidcheck/gtest.h>

#include <fstream>

#include "tests/support/errors.h"
#include "tests/support/golden.h"

namespace larmor::imaging {
namespace {

namespace fs = std::filesystem;
using testing::data_error;

template <class T>
Hdf5Array array_of(PixelType type, std::vector<int64_t> shape, const std::vector<T>& values) {
  return {type, std::move(shape), std::as_bytes(std::span(values))};
}

const std::vector<uint16_t> kImages{1, 2, 3, 40000, 5, 6, 7, 8, 9, 10, 11, 65535};
const std::vector<uint8_t> kText{'{', '}', '!'};
const std::vector<float> kNumbers{1.5F, -2.25F};

Hdf5Arrays some_arrays() {
  return {{"images", array_of(PixelType::u16, {2, 3, 2}, kImages)},
          {"numbers", array_of(PixelType::f32, {2}, kNumbers)},
          {"provenance", array_of(PixelType::u8, {3}, kText)}};
}

fs::path written(const Hdf5Arrays& arrays = some_arrays()) {
  fs::path file = testing::make_temporary_folder("hdf5") / "a.h5";
  write_hdf5(file, arrays);
  return file;
}

TEST(Hdf5, ReadsBackWhatWasWritten) {
  const Hdf5File file(written());
  ASSERT_EQ(file.arrays().size(), 3u);
  for (const auto& [name, array] : some_arrays()) {
    const Hdf5Array& read = file.arrays().at(name);
    EXPECT_EQ(read.type, array.type) << name;
    EXPECT_EQ(read.shape, array.shape) << name;
    EXPECT_TRUE(std::equal(read.bytes.begin(), read.bytes.end(), array.bytes.begin(), array.bytes.end())) << name;
  }
}

TEST(Hdf5, LibhdfReadsIt) {
  const fs::path path = written();
  const hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
  ASSERT_GE(file, 0);
  const hid_t set = H5Dopen2(file, "images", H5P_DEFAULT);
  std::vector<uint16_t> values(kImages.size());
  EXPECT_GE(H5Dread(set, H5T_NATIVE_UINT16, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()), 0);
  EXPECT_EQ(values, kImages);
  H5Dclose(set);
  H5Fclose(file);
}

TEST(Hdf5, EqualArraysAreEqualBytes) { EXPECT_EQ(read_file(written()), read_file(written())); }

RC_GTEST_PROP(Hdf5Property, AnyShapeAndTypeComesBack, ()) {
  const auto type = *rc::gen::element(PixelType::u8, PixelType::i16, PixelType::u16, PixelType::i32, PixelType::f32);
  const auto axes = *rc::gen::inRange<size_t>(1, 9);
  const auto shape = *rc::gen::container<std::vector<int64_t>>(axes, rc::gen::inRange<int64_t>(1, 4));
  Hdf5Array array{type, shape, {}};
  std::vector<uint8_t> bytes(static_cast<size_t>(array.elements()) * size_of(type));
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(i * 37);
  array.bytes = std::as_bytes(std::span(bytes));
  const Hdf5File file(written({{"a", array}}));
  const Hdf5Array& read = file.at("a", type, axes);
  RC_ASSERT(read.shape == shape);
  RC_ASSERT(std::equal(read.bytes.begin(), read.bytes.end(), array.bytes.begin(), array.bytes.end()));
}

void overwrite(const fs::path& file, const std::string& content) { std::ofstream(file, std::ios::binary) << content; }

TEST(Hdf5Error, FilesThatAreNone) {
  const fs::path file = written();
  const std::string whole = read_file(file), name = file.string();
  const auto error = [&](const std::string& content) {
    overwrite(file, content);
    return data_error([&] { Hdf5File opened(file); });
  };
  EXPECT_EQ(error(""), name + ": is no HDF5 file of Larmor's: its first line is missing");
  EXPECT_EQ(error(whole.substr(512)), name + ": is no HDF5 file of Larmor's: its first line is missing");
  EXPECT_EQ(error(whole.substr(0, 512)), name + ": 512 bytes, but its header promises at least 513: the file is cut off");
  const std::string damaged = name + ": its checksum does not fit: the file is cut off or damaged";
  EXPECT_EQ(error(whole.substr(0, whole.size() - 1)), damaged);
  for (size_t place : {20UL, 512UL, 600UL, whole.size() - 1}) {
    std::string turned = whole;
    turned[place] = static_cast<char>(turned[place] ^ 1);
    EXPECT_EQ(error(turned), damaged) << place;
  }
  overwrite(file, whole);
  const Hdf5File good(file);
  EXPECT_EQ(data_error([&] { good.at("label", PixelType::u8, 3); }), name + ": holds no array 'label'");
  EXPECT_EQ(data_error([&] { good.at("images", PixelType::u8, 3); }), name + ": array 'images' has 3 axes of u16; must have 3 of u8");
}

/// Every byte of the part that is not values, changed to every near value, is read or refused.
TEST(Hdf5Error, HostileHeadersAreReadOrRefused) {
  std::string content = read_file(written());
  int64_t refused = 0;
  for (size_t place = 512; place < content.size(); ++place) {
    const char kept = content[place];
    for (const int change : {1, 0x80, 0xFF}) {
      content[place] = static_cast<char>(kept ^ change);
      try {
        for (const auto& [name, array] : parse_hdf5({std::as_bytes(std::span(content)), "a"})) {
          ASSERT_EQ(array.bytes.size(), static_cast<size_t>(array.elements()) * size_of(array.type)) << name;
        }
      } catch (const Error& error) {
        ASSERT_EQ(error.kind(), ErrorKind::data);
        ++refused;
      }
    }
    content[place] = kept;
  }
  EXPECT_GT(refused, 100);
}

/// Empty messages cost memory, and blocks may lie on each other.
TEST(Hdf5Error, NoHeaderHasManyMessages) {
  constexpr size_t kFront = 512, kRootPlace = kFront + 36, kMessages = 1025, kMessageBytes = 4;
  std::string content = read_file(written());
  const uint64_t root = content.size() - kFront, size = kMessages * kMessageBytes;
  content += std::string("OHDR\x02\x02", 6) + std::string(reinterpret_cast<const char*>(&size), 4) + std::string(size, '\0');
  content.replace(kRootPlace, sizeof(root), reinterpret_cast<const char*>(&root), sizeof(root));
  EXPECT_EQ(data_error([&] {
              parse_hdf5({std::as_bytes(std::span(content)), "a.h5"});
            }),
            "a.h5: its HDF5 header is damaged: too many messages in an object header");
}

TEST(Hdf5Error, WhatOtherProgramsWriteIsRefused) {
  const fs::path file = testing::make_temporary_folder("hdf5") / "other.h5";
  const hid_t plist = H5Pcreate(H5P_FILE_CREATE);
  H5Pset_userblock(plist, 512);
  const hid_t other = H5Fcreate(file.c_str(), H5F_ACC_TRUNC, plist, H5P_DEFAULT);
  H5Fclose(other);
  H5Pclose(plist);
  const std::string content = read_file(file);
  EXPECT_EQ(data_error([&] {
              parse_hdf5({std::as_bytes(std::span(content)), "other.h5"});
            }),
            "other.h5: superblock version 0, not 2 or 3; this is no HDF5 file of Larmor's");
}

}  // namespace
}  // namespace larmor::imaging
