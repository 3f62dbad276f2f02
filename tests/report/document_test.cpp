#include "report/document.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "tests/report/support.h"

namespace larmor::report {
namespace {

using testing::contains;

Document with(Block block) { return {"A report", {std::move(block)}}; }

TEST(Document, IsOneSelfContainedPage) {
  const std::string html =
      to_html({"A report", {Heading{"Results"}, Paragraph{"text"}, Banner{"phantom"}, Headline{"0.5", "mean"}, Code{"run"}}});
  EXPECT_TRUE(html.starts_with("<!DOCTYPE html>\n<html lang=\"en\">"));
  EXPECT_TRUE(contains(html, "<meta name=\"viewport\""));
  EXPECT_TRUE(contains(html, "prefers-color-scheme:dark"));
  EXPECT_TRUE(contains(html, "@media print"));
  EXPECT_TRUE(contains(html, "default-src 'none'"));
  EXPECT_TRUE(contains(html, "<p class=\"banner\">phantom</p>"));
  for (const char* remote : {"http://", "https://", "<script", "<link", "url("}) EXPECT_FALSE(contains(html, remote)) << remote;
}

TEST(Document, TablesHaveTheSameCellsInBothForms) {
  const Table table{"caption", {{"name"}, {"Dice", true}}, {{{"a"}, {"0.5", Emphasis::strong}}, {{"b"}, {"0.4", Emphasis::faint}}}, ""};
  EXPECT_TRUE(contains(to_html(with(table)),
                       "<tr><td>a</td><td class=\"n strong\">0.5</td></tr>\n<tr><td>b</td><td class=\"n faint\">0.4</td></tr>"));
  EXPECT_EQ(to_markdown(with(table)), "# A report\n\ncaption\n\n| name | Dice |\n|---|---:|\n| a | **0.5** |\n| b | *0.4* |\n");
}

TEST(Document, FoldedTablesOpenUnderALine) {
  const Table table{"", {{"name"}}, {{{"a"}}}, "all <1> values"};
  EXPECT_TRUE(contains(to_html(with(table)), "<details><summary>all &lt;1&gt; values</summary>"));
  EXPECT_TRUE(contains(to_markdown(with(table)), "<details><summary>all &lt;1&gt; values</summary>\n\n| name |"));
}

TEST(Document, PicturesAreInThePageAndLinkedInMarkdown) {
  const Pictures pictures{{{"\x89PNG", "overlays/a<b>.png", "best: \"A\""}}, {{"#ffffff", "white", "truth"}}};
  const std::string html = to_html(with(pictures)), markdown = to_markdown(with(pictures));
  EXPECT_TRUE(contains(html, "<img alt=\"best: &quot;A&quot;\" src=\"data:image/png;base64,iVBORw==\">"));
  EXPECT_TRUE(contains(html, "style=\"background:#ffffff\"></span>truth"));
  EXPECT_TRUE(contains(markdown, "![best: \"A\"](<overlays/a%3Cb%3E.png>)"));
  EXPECT_TRUE(contains(markdown, "white: truth."));
}

TEST(Document, ChartsWithoutGnuplotShowNothing) { EXPECT_FALSE(contains(to_html(with(Chart{"", "Loss per epoch"})), "Loss per epoch")); }

TEST(Document, HostileTextIsShownAsItStands) {
  const std::string hostile = "<script>alert('x')</script>|`*_&\n# heading\x1b[31m\xff";
  for (const Block& block : std::vector<Block>{Heading{hostile}, Paragraph{hostile}, Banner{hostile}, Headline{hostile, hostile},
                                               Code{hostile}, Table{hostile, {{hostile}}, {{{hostile}}}, hostile},
                                               Pictures{{{"png", hostile, hostile}}, {{hostile, hostile, hostile}}}}) {
    const Document document{hostile, {block}};
    const std::string html = to_html(document), markdown = to_markdown(document);
    EXPECT_FALSE(contains(html, "<script")) << html;
    EXPECT_FALSE(contains(html, "alert('")) << html;
    for (const std::string& text : {html, markdown}) {
      EXPECT_FALSE(contains(text, "\x1b")) << text;
      EXPECT_FALSE(contains(text, "\xff")) << text;
    }
    if (!std::holds_alternative<Code>(block)) {
      EXPECT_FALSE(contains(markdown, "\n# heading")) << markdown;
    }
  }
}

TEST(Document, CodeCannotLeaveItsFence) { EXPECT_EQ(to_markdown(with(Code{"a\n```\n# b"})), "# A report\n\n````\na\n```\n# b\n````\n"); }

TEST(Document, MarkdownKeepsNamesReadable) {
  EXPECT_EQ(escape_markdown("TCGA_CS_4944 _a_ [x](y) 5*3"), "TCGA_CS_4944 \\_a\\_ \\[x\\](y) 5\\*3");
}

TEST(Document, Base64IsThatOfItsStandard) {
  EXPECT_EQ(base64(""), "");
  EXPECT_EQ(base64("f"), "Zg==");
  EXPECT_EQ(base64("fo"), "Zm8=");
  EXPECT_EQ(base64("foo"), "Zm9v");
  EXPECT_EQ(base64("foobar"), "Zm9vYmFy");
  EXPECT_EQ(base64(std::string("\xff\x00\xfe", 3)), "/wD+");
}

TEST(Document, BrokenTextIsReplaced) {
  EXPECT_EQ(clean_text("a\tb\nc"), "a b\nc");
  EXPECT_EQ(clean_text("\xc3\xa9 \xe2\x80\x93"), "\xc3\xa9 \xe2\x80\x93");
  EXPECT_EQ(clean_text(std::string("\0", 1)), "\xEF\xBF\xBD");
  EXPECT_EQ(clean_text("\xc0\xaf"), "\xEF\xBF\xBD\xEF\xBF\xBD");                  // overlong
  EXPECT_EQ(clean_text("\xed\xa0\x80"), "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");  // surrogate
  EXPECT_EQ(clean_text("\xe2\x80"), "\xEF\xBF\xBD\xEF\xBF\xBD");                  // cut off
}

RC_GTEST_PROP(DocumentLaw, CleaningTwiceChangesNothing, (const std::string& text)) {
  RC_ASSERT(clean_text(clean_text(text)) == clean_text(text));
}

RC_GTEST_PROP(DocumentLaw, EscapedHtmlHoldsNoSign, (const std::string& text)) {
  const std::string escaped = escape_html(text);
  RC_ASSERT(escaped.find_first_of("<>\"'") == std::string::npos);
}

}  // namespace
}  // namespace larmor::report
