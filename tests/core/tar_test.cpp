#include "core/tar.h"

#include <gtest/gtest.h>

#include "tests/support/errors.h"
#include "tests/support/pytorch_writer.h"

namespace larmor {
namespace {

std::span<const std::byte> bytes_of(const std::string& text) { return std::as_bytes(std::span(text)); }

TEST(Tar, PlainFilesInTheirOrder) {
  const std::string archive = testing::tar_archive({{"one", "first"}, {"two", std::string(700, 'x')}, {"none", ""}});
  EXPECT_TRUE(is_tar(bytes_of(archive)));
  const std::vector<TarEntry> entries = read_tar(bytes_of(archive), "a.tar");
  ASSERT_EQ(entries.size(), 3u);
  EXPECT_EQ(entries[0].name, "one");
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(entries[0].content.data()), entries[0].content.size()), "first");
  EXPECT_EQ(entries[1].content.size(), 700u);
  EXPECT_EQ(entries[2].content.size(), 0u);
}

TEST(Tar, KnowsItsOwn) {
  EXPECT_FALSE(is_tar(bytes_of(std::string(511, '\0'))));
  EXPECT_FALSE(is_tar(bytes_of(std::string(512, '\0'))));
}

TEST(TarError, DamagedOrCutOff) {
  std::string archive = testing::tar_archive({{"one", "first"}, {"two", std::string(700, 'x')}});
  EXPECT_EQ(testing::data_error([&] { read_tar(bytes_of(archive.substr(0, 1600)), "a.tar"); }),
            "a.tar: tar archive: an entry reaches over the end of 1600 bytes: the file is cut off");
  archive[1024] = 'T';
  EXPECT_EQ(testing::data_error([&] { read_tar(bytes_of(archive), "a.tar"); }), "a.tar: tar archive: the header at byte 1024 is damaged");
}

}  // namespace
}  // namespace larmor
