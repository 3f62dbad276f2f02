#include "train/tensorboard.h"

#include <gtest/gtest.h>

#include <cstring>

#include "core/files.h"
#include "tests/support/golden.h"

namespace larmor::train {
namespace {

uint32_t masked(std::string_view bytes) {
  const uint32_t crc = crc32c(bytes);
  return ((crc >> 15) | (crc << 17)) + 0xA282EAD8u;
}

template <class T>
T read_at(const std::string& bytes, size_t offset) {
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof(T));
  return value;
}

TEST(TensorBoard, Crc32cKnownAnswers) {
  // RFC 3720, appendix B.4
  EXPECT_EQ(crc32c("123456789"), 0xE3069283u);
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8A9136AAu);
  EXPECT_EQ(crc32c(std::string(32, '\xFF')), 0x62A8AB43u);
}

TEST(TensorBoard, RecordsAreFramedAndHoldTheValues) {
  const auto folder = testing::make_temporary_folder("tensorboard");
  TensorBoardWriter writer(folder, 1700000000.5);
  writer.write(3, 1700000001.0, {{"loss", 0.25}});
  const std::string bytes = read_file(writer.file());
  std::vector<std::string> events;
  for (size_t at = 0; at < bytes.size();) {
    const auto length = read_at<uint64_t>(bytes, at);
    ASSERT_LE(at + 16 + length, bytes.size());
    EXPECT_EQ(read_at<uint32_t>(bytes, at + 8), masked(std::string_view(bytes).substr(at, 8)));
    events.push_back(bytes.substr(at + 12, length));
    EXPECT_EQ(read_at<uint32_t>(bytes, at + 12 + length), masked(events.back()));
    at += 16 + length;
  }
  ASSERT_EQ(events.size(), 2u);
  EXPECT_NE(events[0].find("brain.Event:2"), std::string::npos);
  EXPECT_EQ(read_at<double>(events[1], 1), 1700000001.0);
  EXPECT_EQ(events[1].substr(9, 2), std::string("\x10\x03", 2));  // field 2, varint 3
  const size_t name = events[1].find("loss");
  ASSERT_NE(name, std::string::npos);
  EXPECT_EQ(read_at<float>(events[1], name + 5), 0.25f);
}

TEST(TensorBoard, TwoWritersInOneSecondUseTwoFiles) {
  const auto folder = testing::make_temporary_folder("tensorboard");
  const TensorBoardWriter first(folder, 5), second(folder, 5);
  EXPECT_NE(first.file(), second.file());
}

}  // namespace
}  // namespace larmor::train
