#include "imaging/stored.h"

#include <gtest/gtest.h>

#include "tests/imaging/support.h"

namespace larmor::imaging {
namespace {

const std::vector<std::byte> kBytes = {std::byte{1}, std::byte{2}, std::byte{3}, std::byte{4}, std::byte{0xFF}};

TEST(ByteReaderTest, ReadsBothByteOrders) {
  const FileBytes file{kBytes, "a.bin"};
  EXPECT_EQ(ByteReader(file, false).u16(1), 0x0302);
  EXPECT_EQ(ByteReader(file, true).u16(1), 0x0203);
  EXPECT_EQ(ByteReader(file, false).i16(3), -252);
  EXPECT_EQ(ByteReader(file, true).u32(0), 0x01020304U);
  EXPECT_EQ(ByteReader(file, false).i32(1), static_cast<int32_t>(0xFF040302));
  EXPECT_EQ(ByteReader(file, false).number(4, 1), 255U);
}

TEST(ByteReaderError, NothingIsReadPastTheEnd) {
  const FileBytes file{kBytes, "a.bin"};
  const ByteReader reader(file, false);
  EXPECT_EQ(testing::data_error([&] { reader.u16(4); }), "a.bin: 5 bytes, but its header promises at least 6: the file is cut off");
  EXPECT_EQ(testing::data_error([&] { reader.range(6, 0); }), "a.bin: 5 bytes, but its header promises at least 6: the file is cut off");
  EXPECT_EQ(testing::data_error([&] { reader.range(UINT64_MAX, 2); }), "a.bin: its header is damaged: an offset is beyond any file");
  EXPECT_EQ(reader.range(5, 0).size(), 0U);
}

TEST(StoredTest, SwapsBytesOfEachElement) {
  std::vector<std::byte> four(kBytes.begin(), kBytes.begin() + 4);
  swap_bytes(four, 2);
  EXPECT_EQ(four, (std::vector<std::byte>{std::byte{2}, std::byte{1}, std::byte{4}, std::byte{3}}));
  swap_bytes(four, 1);
  EXPECT_EQ(four[0], std::byte{2});
}

TEST(StoredTest, IntegersByTheirBits) {
  EXPECT_EQ(integer_of(8, true), StoredType::i8);
  EXPECT_EQ(integer_of(16, false), StoredType::u16);
  EXPECT_EQ(integer_of(32, true), StoredType::i32);
  EXPECT_EQ(integer_of(64, false), StoredType::u64);
  for (const uint64_t bits : {0, 1, 7, 12, 24, 128}) EXPECT_EQ(integer_of(bits, false), std::nullopt) << bits;
}

template <class T>
Image stored(StoredType type, T value) {
  std::vector<std::byte> bytes(sizeof value);
  std::memcpy(bytes.data(), &value, sizeof value);
  ImageHeader header;
  header.size = {1, 1, 1};
  return from_stored(bytes, type, header);
}

TEST(StoredTest, WidensWhatPixelTypesLack) {
  EXPECT_EQ(values_of<int16_t>(stored<int8_t>(StoredType::i8, -5)), std::vector<int16_t>{-5});
  EXPECT_EQ(values_of<float>(stored<uint32_t>(StoredType::u32, 4000000000U)), std::vector<float>{4e9F});
  EXPECT_EQ(values_of<float>(stored<uint64_t>(StoredType::u64, 7U)), std::vector<float>{7});
  EXPECT_EQ(values_of<float>(stored<int64_t>(StoredType::i64, -7)), std::vector<float>{-7});
  EXPECT_EQ(values_of<float>(stored<double>(StoredType::f64, 0.25)), std::vector<float>{0.25});
  EXPECT_EQ(values_of<int32_t>(stored<int32_t>(StoredType::i32, -70000)), std::vector<int32_t>{-70000});
}

TEST(CheckSizeError, RefusesEmptyAndHugeSizes) {
  EXPECT_NO_THROW(check_size("a", {1 << 15, 1 << 15, 2}, 1));
  EXPECT_EQ(testing::data_error([] {
              check_size("a", {1 << 15, 1 << 15, 2}, 2);
            }),
            "a: size 32768 x 32768 x 2, 2 channels: over 2^31 values");
  EXPECT_EQ(testing::data_error([] {
              check_size("a", {INT64_MAX, INT64_MAX, INT64_MAX}, 1);
            }),
            "a: size 9223372036854775807 x 9223372036854775807 x 9223372036854775807, 1 channels: over 2^31 values");
  EXPECT_EQ(testing::data_error([] { check_size("a", {3, 0, 1}, 1); }), "a: size 3 x 0 x 1, 1 channels: every side must be at least 1");
}

}  // namespace
}  // namespace larmor::imaging
