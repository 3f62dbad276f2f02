#include "core/utf8.h"

#include <gtest/gtest.h>

#include <string>

namespace larmor {
namespace {

TEST(Utf8, LengthOfTheFirstSequence) {
  EXPECT_EQ(utf8_length("a\xff"), 1u);
  EXPECT_EQ(utf8_length("ä"), 2u);
  EXPECT_EQ(utf8_length("€"), 3u);
  EXPECT_EQ(utf8_length("🧲"), 4u);
}

TEST(Utf8, TextAndOtherBytes) {
  for (const std::string text : {"", "conv.weight", "größe €🧲", "\x01"}) EXPECT_TRUE(is_utf8(text)) << text;
  // Lone, cut off, overlong, a surrogate, beyond U+10FFFF.
  for (const std::string bytes : {"\xff", "\xfe", "a\x80", "\xc3", "\xe2\x82", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80"}) {
    EXPECT_FALSE(is_utf8(bytes));
  }
}

}  // namespace
}  // namespace larmor
