#include "report/plot.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <limits>

#include "tests/support/golden.h"

namespace larmor::report {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

bool has_gnuplot() { return !line_chart({{"a", {1, 2}, {1, 2}}}, {}).empty(); }

size_t count_of(const std::string& text, const std::string& part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size())) ++count;
  return count;
}

/// Every element is closed in order; enough of XML to find a label that broke out of its place.
bool is_balanced(const std::string& svg) {
  std::vector<std::string> open;
  for (size_t at = svg.find('<'); at != std::string::npos; at = svg.find('<', at + 1)) {
    const size_t end = svg.find('>', at);
    if (end == std::string::npos) return false;
    const std::string tag = svg.substr(at + 1, end - at - 1);
    const std::string name = tag.substr(tag[0] == '/' ? 1 : 0, tag.find_first_of(" \n\t/", 1) - (tag[0] == '/' ? 1 : 0));
    if (tag[0] == '/') {
      if (open.empty() || open.back() != name) return false;
      open.pop_back();
    } else if (tag.back() != '/') {
      open.push_back(name);
    }
  }
  return open.empty();
}

class PlotTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!has_gnuplot()) GTEST_SKIP() << "gnuplot is not here";
  }
};

TEST_F(PlotTest, LineChartIsAPartOfAPage) {
  const std::string svg = line_chart({{"train", {1, 2, 3}, {0.9, 0.6, 0.5}}, {"validation", {1, 2, 3}, {0.8, 0.7, 0.65}}},
                                     {.title = "Loss over epochs", .x_label = "epoch", .y_label = "loss"});
  EXPECT_TRUE(svg.starts_with("<svg role=\"img\" aria-label=\"Loss over epochs\"")) << svg.substr(0, 200);
  EXPECT_TRUE(is_balanced(svg));
  for (const char* part :
       {"<title>Loss over epochs</title>", ">train<", ">validation<", ">epoch<", ">loss<", "<title>train</title>", "viewBox"}) {
    EXPECT_THAT(svg, HasSubstr(part));
  }
  for (const char* part : {"<?xml", "DOCTYPE", "Gnuplot", "gnuplot_plot_1</title>", "miter\">\n</g>"})
    EXPECT_THAT(svg, Not(HasSubstr(part)));
}

TEST_F(PlotTest, BandsLieUnderTheirLines) {
  const BandSeries one{{"adam", {1, 2, 3}, {0.2, 0.5, 0.6}}, {0.1, 0.4, 0.6}, {0.3, 0.7, 0.6}};
  const BandSeries other{{"ralamb", {1, 2}, {0.3, 0.6}}, {kNan, 0.6}, {0.3, 0.6}};  // one place is no area
  const std::string svg = band_chart({one, other}, {.title = "Dice per epoch"});
  EXPECT_TRUE(is_balanced(svg));
  EXPECT_EQ(count_of(svg, "fill-opacity"), count_of(band_chart({one}, {.title = "Dice per epoch"}), "fill-opacity"));
  EXPECT_GT(count_of(svg, "fill-opacity"), 0U);
  EXPECT_LT(svg.find("fill-opacity"), svg.find("<title>adam</title>"));
  EXPECT_EQ(band_chart({{{"a", {1}, {kNan}}, {kNan}, {kNan}}}, {}), "");
}

TEST_F(PlotTest, TakesTheColourOfThePage) {
  const std::string svg = line_chart({{"a", {1, 2}, {1, 2}}}, {});
  EXPECT_THAT(svg, HasSubstr("currentColor"));
  for (const char* part : {"black", "rgb(1,2,3)", "rgb(  1,   2", "color=\"gray\"", "fill=\"white\""})
    EXPECT_THAT(svg, Not(HasSubstr(part)));
}

TEST_F(PlotTest, ChartsOfOnePageShareNoIdentifier) {
  const std::string one = line_chart({{"a", {1, 2}, {1, 2}}}, {});
  const std::string other = line_chart({{"a", {1, 2}, {1, 3}}}, {});
  const size_t at = one.find("id='");
  const std::string identifier = one.substr(at, one.find('\'', at + 4) - at);
  EXPECT_THAT(other, Not(HasSubstr(identifier)));
  EXPECT_EQ(count_of(one, "'#gp"), 0U);
  EXPECT_EQ(count_of(one, "\"gnuplot_"), 0U);
}

TEST_F(PlotTest, TheSameInputGivesTheSameText) {
  const std::vector<Series> series = {{"a", {1, 2}, {1, 2}}};
  EXPECT_EQ(line_chart(series, {}), line_chart(series, {}));
}

TEST_F(PlotTest, LabelsAreNeverInterpreted) {
  const std::string folder = testing::make_temporary_folder("plot");
  const std::string hostile = "<script>x</script> & \"q\" 'q' `touch " + folder + "/made` $(x) @m {/Bold b} \\n %s\nset output";
  const ChartOptions options{.title = hostile, .x_label = hostile, .y_label = hostile, .names_shown = 9};
  const std::vector<std::string> charts = {line_chart({{hostile, {1, 2}, {1, 2}}}, options),
                                           scatter_chart({{hostile, 1, 2}, {"b", 2, 3}}, options),
                                           strip_chart({{hostile, {{hostile, 1}}}}, options)};
  for (const std::string& svg : charts) {
    EXPECT_TRUE(is_balanced(svg));
    EXPECT_THAT(svg, HasSubstr("&lt;script"));
    EXPECT_THAT(svg, HasSubstr("`touch"));
    EXPECT_THAT(svg, Not(HasSubstr("<script")));
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder));
}

TEST_F(PlotTest, BrokenAndLongLabels) {
  const std::string svg = line_chart({{"bad \xFF\xC3 byte \xC3\xA4", {1, 2}, {1, 2}}, {std::string(500, 'w'), {1, 2}, {2, 1}}}, {});
  EXPECT_THAT(svg, HasSubstr("bad ?? byte \xC3\xA4"));
  EXPECT_THAT(svg, Not(HasSubstr(std::string(100, 'w'))));
  EXPECT_THAT(svg, HasSubstr("www…"));
}

TEST_F(PlotTest, GapsAndSeriesWithoutPoints) {
  const std::string whole = line_chart({{"a", {1, 2, 3, 4}, {1, 2, 3, 4}}}, {});
  const std::string broken = line_chart({{"a", {1, 2, 3, 4}, {1, kNan, 3, 4}}, {"empty", {1}, {kInfinity}}}, {});
  EXPECT_TRUE(is_balanced(broken));
  EXPECT_EQ(count_of(whole, "<use xlink"), count_of(broken, "<use xlink") + 1);
  EXPECT_THAT(broken, Not(HasSubstr(">empty<")));
}

TEST_F(PlotTest, NothingToDrawGivesNoText) {
  EXPECT_EQ(line_chart({}, {}), "");
  EXPECT_EQ(line_chart({{"a", {1}, {kNan}}}, {}), "");
  EXPECT_EQ(scatter_chart({{"a", kNan, 1}}, {}), "");
  EXPECT_EQ(scatter_chart({{"a", 0, 1}}, {.log_x = true}), "");
  EXPECT_EQ(strip_chart({{"a", {}}}, {}), "");
}

TEST_F(PlotTest, EveryPointOfAScatterHasItsName) {
  std::vector<NamedPoint> points;
  for (int i = 0; i < 30; ++i) points.push_back({"patient " + std::to_string(i), 10.0 * (i + 1), 1 - i * 0.01});
  points.push_back({"missed", 5, kNan});
  const std::string svg = scatter_chart(points, {.y_low = 0, .y_high = 1, .log_x = true, .names_shown = 3});
  EXPECT_TRUE(is_balanced(svg));
  for (int i = 0; i < 30; ++i) EXPECT_THAT(svg, HasSubstr("<title>patient " + std::to_string(i) + "</title></use>"));
  EXPECT_EQ(count_of(svg, "<text>patient"), 3U);
  for (const int i : {27, 28, 29}) EXPECT_THAT(svg, HasSubstr("<text>patient " + std::to_string(i) + "<"));
  EXPECT_THAT(svg, Not(HasSubstr("missed")));
}

TEST_F(PlotTest, StripsHaveNamesMediansAndAllPoints) {
  const std::string svg =
      strip_chart({{"adam", {{"p1", 0.7}, {"p2", 0.9}}}, {"none", {}}, {"ralamb", {{"p1", 0.8}, {"p2", 0.95}, {"p3", 0.1}}}},
                  {.title = "Dice", .y_label = "Dice", .names_shown = 1});
  EXPECT_TRUE(is_balanced(svg));
  for (const char* name : {">adam<", ">none<", ">ralamb<", "<title>medians</title>"}) EXPECT_THAT(svg, HasSubstr(name));
  EXPECT_EQ(count_of(svg, "</title></use>"), 5U);
  EXPECT_EQ(count_of(svg, "<text>p"), 1U);
  EXPECT_THAT(svg, HasSubstr("<text>p3<"));
}

TEST_F(PlotTest, WithoutGnuplotThereIsNoText) {
  const char* const before = std::getenv("PATH");
  const std::string path = before != nullptr ? before : "";
  ::setenv("PATH", testing::make_temporary_folder("plot").c_str(), 1);
  const std::string svg = line_chart({{"a", {1, 2}, {1, 2}}}, {});
  ::setenv("PATH", path.c_str(), 1);
  EXPECT_EQ(svg, "");
}

}  // namespace
}  // namespace larmor::report
