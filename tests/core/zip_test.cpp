#include "core/zip.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "tests/support/errors.h"
#include "tests/support/pytorch_writer.h"

namespace larmor {
namespace {

using testing::ZipWriter;

std::span<const std::byte> bytes_of(const std::string& text) { return std::as_bytes(std::span(text)); }

std::string read_all(const std::string& archive) {
  const ZipArchive zip = ZipArchive::parse(bytes_of(archive), "a.zip");
  std::string all;
  for (const ZipEntry& entry : zip.entries()) {
    std::vector<std::byte> unpacked;
    const auto content = zip.read(entry, unpacked);
    all += entry.name + "=" + std::string(reinterpret_cast<const char*>(content.data()), content.size()) + ";";
  }
  return all;
}

std::string refusal(const std::string& archive) {
  return testing::data_error([&] { read_all(archive); });
}

std::string small(bool is_deflated = false) {
  ZipWriter writer;
  writer.add("d/a", "some text, some text, some text", is_deflated);
  writer.add("d/b", "");
  return writer.finish();
}

std::string changed(std::string text, const std::string& from, const std::string& to, size_t start = 0) {
  return text.replace(text.find(from, start), from.size(), to);
}

TEST(Zip, StoredAndDeflatedEntries) {
  EXPECT_EQ(read_all(small()), "d/a=some text, some text, some text;d/b=;");
  EXPECT_EQ(read_all(small(true)), "d/a=some text, some text, some text;d/b=;");
}

RC_GTEST_PROP(Zip, ReadsWhatIsWritten, (const std::vector<std::pair<std::string, bool>>& contents)) {
  ZipWriter writer;
  std::string expected;
  for (size_t i = 0; i < contents.size(); ++i) {
    writer.add(std::to_string(i), contents[i].first, contents[i].second);
    expected += std::to_string(i) + "=" + contents[i].first + ";";
  }
  const std::string archive = writer.finish();
  if (!contents.empty()) RC_ASSERT(read_all(archive) == expected);
}

TEST(ZipError, EveryCutIsRefused) {
  const std::string whole = small(true);
  for (size_t size = 0; size < whole.size(); ++size) EXPECT_TRUE(refusal(whole.substr(0, size)).starts_with("a.zip: zip archive")) << size;
}

TEST(ZipError, DamagedContents) {
  EXPECT_EQ(refusal(changed(small(), "some text", "Some text")), "a.zip: entry 'd/a' is damaged: its checksum is wrong");
  std::string packed = small(true);
  packed[64] = '\xff';
  EXPECT_EQ(refusal(packed), "a.zip: entry 'd/a' is damaged: its compressed data do not unpack to 31 bytes");
}

TEST(ZipError, NamesThatLeadOut) {
  for (const std::string name : {"../a", "a/../../b", "/etc/passwd", "a\\b", "", "a/.."}) {
    ZipWriter writer;
    writer.add(name, "x");
    EXPECT_EQ(refusal(writer.finish()), "a.zip: entry '" + name + "' has a name that leads out of the archive");
  }
}

TEST(ZipError, OverlapsAndDuplicates) {
  ZipWriter twice;
  twice.add("a", "x");
  twice.add("a", "y");
  EXPECT_EQ(refusal(twice.finish()), "a.zip: two entries are called 'a'");
  ZipWriter other;
  other.add("a", "x");
  other.add_again("b");
  EXPECT_EQ(refusal(other.finish()), "a.zip: entry 'b' has a header that contradicts the directory");
  ZipWriter same;
  same.add("a", "x");
  same.add_again("a");
  EXPECT_EQ(refusal(same.finish()), "a.zip: entry 'a' overlaps entry 'a'");
}

TEST(ZipError, Bombs) {
  ZipWriter writer;
  writer.add("zeros", std::string(ZipArchive::kSmallestUnpacked + 1, '\0'), true);
  const std::string archive = writer.finish();
  EXPECT_EQ(refusal(archive),
            "a.zip: " + std::to_string(archive.size()) + " bytes would unpack to 67108865; at most 100 times as many are read");
}

TEST(ZipError, WhatIsNotRead) {
  const std::string whole = small();
  const size_t central = whole.find("PK\x01\x02");
  std::string encrypted = whole, method = whole;
  encrypted[central + 8] = '\x09';
  method[central + 10] = '\x0c';
  EXPECT_EQ(refusal(encrypted), "a.zip: entry 'd/a' is encrypted, which is not read");
  EXPECT_EQ(refusal(method), "a.zip: entry 'd/a' is packed by method 12; stored and deflated ones are read");
  EXPECT_EQ(refusal(""), "a.zip: zip archive without its directory: the file is cut off");
}

}  // namespace
}  // namespace larmor
