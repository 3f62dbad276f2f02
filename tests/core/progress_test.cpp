#include "core/progress.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <thread>

namespace larmor {
namespace {

using ::testing::internal::CaptureStderr;
using ::testing::internal::GetCapturedStderr;

std::string repeat(const std::string& piece, size_t times) {
  std::string text;
  for (size_t i = 0; i < times; ++i) text += piece;
  return text;
}

TEST(Formats, Clock) {
  const std::vector<std::pair<double, const char*>> cases = {{0, "0:00"},       {7, "0:07"},           {59.6, "1:00"}, {161, "2:41"},
                                                             {3723, "1:02:03"}, {360000, "100:00:00"}, {-5, "0:00"},   {0.4, "0:00"}};
  for (const auto& [seconds, text] : cases) EXPECT_EQ(format_clock(seconds), text);
}

TEST(Formats, Bytes) {
  const std::vector<std::pair<uint64_t, const char*>> cases = {{0, "0 B"},
                                                               {812, "812 B"},
                                                               {1023, "1023 B"},
                                                               {1024, "1.0 KiB"},
                                                               {1536, "1.5 KiB"},
                                                               {47ull << 20, "47 MiB"},
                                                               {9771050598ull, "9.1 GiB"},
                                                               {1048575, "1.0 MiB"},
                                                               {UINT64_MAX, "16 EiB"}};
  for (const auto& [bytes, text] : cases) EXPECT_EQ(format_bytes(bytes), text);
}

TEST(Formats, Counted) {
  EXPECT_EQ(counted(0, "slice"), "0 slices");
  EXPECT_EQ(counted(1, "slice"), "1 slice");
  EXPECT_EQ(counted(2, "slice"), "2 slices");
}

TEST(Formats, Count) {
  const std::vector<std::pair<double, const char*>> cases = {{0, "0"},           {183, "183"},       {999, "999"},      {1200, "1.2 k"},
                                                             {999'960, "1.0 M"}, {33.2e6, "33.2 M"}, {-1500, "-1.5 k"}, {4e15, "4000.0 T"}};
  for (const auto& [count, text] : cases) EXPECT_EQ(format_count(count), text);
}

TEST(ProgressLine, ShowsEverythingInOrder) {
  const ProgressView view{.title = "epoch  12/30", .done = 9, .total = 15, .seconds = 7.44, .text = "loss 0.412  wait 1 %"};
  EXPECT_EQ(draw_progress(view, 120, false),
            "epoch  12/30 " + repeat("━", 15) + "╺" + repeat("─", 10) + " 9/15  1.21 it/s  loss 0.412  wait 1 %  left 0:05");
}

TEST(ProgressLine, LeavesOutWhatIsNotKnown) {
  EXPECT_EQ(draw_progress({.title = "load", .done = 0, .total = 4, .seconds = 3}, 100, false), "load ╺" + repeat("─", 25) + " 0/4");
  EXPECT_EQ(draw_progress({.title = "load", .done = 4, .total = 4, .seconds = 8}, 100, false), "load " + repeat("━", 26) + " 4/4  2 s/it");
  EXPECT_EQ(draw_progress({.title = "", .done = 0, .total = 0}, 100, false), repeat("━", 26) + " 0/0");
}

TEST(ProgressLine, ColoursTheTwoPartsOfTheBar) {
  EXPECT_EQ(draw_progress({.title = "x", .done = 13, .total = 26}, 100, true),
            "x \x1b[36m" + repeat("━", 13) + "\x1b[0m\x1b[2m╺" + repeat("━", 12) + "\x1b[0m 13/26");
}

RC_GTEST_PROP(ProgressLine, NeverIsWiderThanTheTerminal, ()) {
  ProgressView view;
  view.title = repeat("ä", *rc::gen::inRange<size_t>(0, 60));
  view.text = repeat("é", *rc::gen::inRange<size_t>(0, 60));
  view.total = *rc::gen::inRange<int64_t>(0, 1000);
  view.done = *rc::gen::inRange<int64_t>(-5, 1100);
  view.seconds = *rc::gen::inRange(0, 100000);
  const auto width = *rc::gen::inRange<size_t>(0, 130);
  const std::string line = draw_progress(view, width, false);
  const auto columns = std::count_if(line.begin(), line.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; });
  RC_ASSERT(static_cast<size_t>(columns) <= width);
}

TEST(ProgressBar, ATerminalGetsOneLiveLine) {
  CaptureStderr();
  {
    ProgressBar bar("train", 3, ProgressStyle::terminal);
    bar.update(1, "loss 1");
    bar.update(2, "loss 2");  // too soon after the first: not drawn
    bar.message("epoch 1 done");
    std::this_thread::sleep_for(std::chrono::milliseconds(120));
    bar.update(3, "loss 3");
  }
  const std::string out = GetCapturedStderr();
  EXPECT_TRUE(out.starts_with("\r\x1b[Ktrain ")) << out;
  EXPECT_NE(out.find("loss 1"), std::string::npos);
  EXPECT_NE(out.find("\r\x1b[Kepoch 1 done\n\r\x1b[Ktrain "), std::string::npos);
  EXPECT_NE(out.find("loss 3"), std::string::npos);
  EXPECT_TRUE(out.ends_with("\r\x1b[K"));
  EXPECT_EQ(std::count(out.begin(), out.end(), '\n'), 1);
}

TEST(ProgressBar, APipeGetsMessagesOnlyAndQuietNothing) {
  for (const auto& [style, expected] : std::vector<std::pair<ProgressStyle, std::string>>{
           {ProgressStyle::plain, "epoch 1 done\n"}, {ProgressStyle::automatic, "epoch 1 done\n"}, {ProgressStyle::quiet, ""}}) {
    CaptureStderr();
    {
      ProgressBar bar("train", 3, style);
      bar.update(1, "loss 1");
      bar.message("epoch 1 done");
    }
    EXPECT_EQ(GetCapturedStderr(), expected);
  }
}

}  // namespace
}  // namespace larmor
