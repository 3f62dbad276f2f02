#include "imaging/gzip.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "tests/imaging/support.h"

namespace larmor::imaging {
namespace {

std::string packed(const std::vector<std::string>& pieces, int level = 1) {
  std::string content;
  GzipWriter writer(level, [&](const void* data, size_t size) { content.append(static_cast<const char*>(data), size); });
  for (const std::string& piece : pieces) writer.write(piece.data(), piece.size());
  writer.finish();
  return content;
}

std::string unpacked(const std::string& content, size_t step = 100) {
  const FileBytes file{bytes_of(content), "a.gz"};
  GzipReader reader(file);
  std::string text;
  std::vector<std::byte> piece(step);
  while (const size_t size = reader.read(piece.data(), piece.size())) text.append(reinterpret_cast<const char*>(piece.data()), size);
  return text;
}

RC_GTEST_PROP(GzipTest, UnpacksWhatItPacked, (std::vector<std::string> pieces)) {
  std::string all;
  for (const std::string& piece : pieces) all += piece;
  RC_ASSERT(unpacked(packed(pieces, *rc::gen::inRange(1, 10)), *rc::gen::inRange<size_t>(1, 50)) == all);
}

TEST(GzipTest, LargePiecesAndManyBuffers) {
  std::string text(300000, '\0');
  for (size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>(i * i >> 3);
  EXPECT_TRUE(unpacked(packed({text, text}), 70000) == text + text);
}

TEST(GzipTest, MembersFollowEachOtherAndPaddingIsIgnored) {
  EXPECT_EQ(unpacked(packed({"one "}) + packed({"two"})), "one two");
  EXPECT_EQ(unpacked(packed({"one"}) + std::string(9, '\0')), "one");
}

TEST(GzipError, CutOffAndDamaged) {
  const std::string content = packed({"some text that is packed"});
  for (size_t size = 0; size < content.size(); ++size) {
    EXPECT_EQ(testing::data_error([&] { unpacked(content.substr(0, size)); }),
              "a.gz: " + std::to_string(size) + " bytes, but its compressed data go on: the file is cut off");
  }
  std::string wrong_checksum = content;
  wrong_checksum[content.size() - 8] ^= 1;
  EXPECT_EQ(testing::data_error([&] { unpacked(wrong_checksum); }), "a.gz: its compressed data are damaged");
  EXPECT_EQ(testing::data_error([&] { unpacked("no gzip at all"); }), "a.gz: its compressed data are damaged");
}

TEST(GzipError, FinishVerifiesTheLastChecksum) {
  std::string content = packed({"some text that is packed"});
  content[content.size() - 8] ^= 1;
  const FileBytes file{bytes_of(content), "a.gz"};
  GzipReader reader(file);
  std::vector<std::byte> start(4);
  EXPECT_EQ(reader.read(start.data(), 4), 4U);
  EXPECT_EQ(testing::data_error([&] { reader.finish(); }), "a.gz: its compressed data are damaged");
}

}  // namespace
}  // namespace larmor::imaging
