#include "core/progress.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <string_view>

namespace larmor {

namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kBarWidth = 26;
constexpr size_t kNarrowBarWidth = 10;
constexpr size_t kDefaultWidth = 100;
constexpr auto kRedrawInterval = std::chrono::milliseconds(100);
constexpr std::string_view kClearLine = "\r\x1b[K";
constexpr std::string_view kDoneColour = "\x1b[36m";
constexpr std::string_view kRestColour = "\x1b[2m";
constexpr std::string_view kNoColour = "\x1b[0m";

void print(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stderr);
  std::fflush(stderr);
}

bool is_code_point_start(char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }

/// Columns of text without control sequences: one per code point.
size_t columns(std::string_view text) { return static_cast<size_t>(std::count_if(text.begin(), text.end(), is_code_point_start)); }

std::string cut_to(std::string text, size_t width) {
  size_t seen = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (is_code_point_start(text[i]) && seen++ == width) {
      text.resize(i);
      break;
    }
  }
  return text;
}

std::string repeat(std::string_view piece, size_t times) {
  std::string text;
  for (size_t i = 0; i < times; ++i) text += piece;
  return text;
}

double share_done(const ProgressView& view) {
  if (view.total <= 0) return 1;
  return std::clamp(static_cast<double>(view.done) / static_cast<double>(view.total), 0.0, 1.0);
}

/// "━━━━━━╺─────": without colours the two parts differ in weight, with them in colour.
std::string draw_bar(double share, size_t width, bool colour) {
  const auto full = static_cast<size_t>(share * static_cast<double>(width));
  const std::string done = repeat("━", full);
  if (full == width) return colour ? fmt::format("{}{}{}", kDoneColour, done, kNoColour) : done;
  const std::string rest = "╺" + repeat(colour ? "━" : "─", width - full - 1);
  return colour ? fmt::format("{}{}{}{}{}{}", kDoneColour, done, kNoColour, kRestColour, rest, kNoColour) : done + rest;
}

std::string format_rate(const ProgressView& view) {
  if (view.done <= 0 || view.seconds <= 0) return "";
  const double rate = static_cast<double>(view.done) / view.seconds;
  return rate >= 1 ? fmt::format("{:.3g} it/s", rate) : fmt::format("{:.3g} s/it", 1 / rate);
}

std::string format_time_left(const ProgressView& view) {
  if (view.done <= 0 || view.done >= view.total || view.seconds <= 0) return "";
  return "left " + format_clock(view.seconds / static_cast<double>(view.done) * static_cast<double>(view.total - view.done));
}

size_t stderr_width() {
  struct winsize size {};
  const bool is_known = ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return is_known ? size.ws_col : kDefaultWidth;
}

bool colours_wanted() {
  const char* no_color = std::getenv("NO_COLOR");
  return no_color == nullptr || *no_color == '\0';
}

}  // namespace

std::string format_clock(double seconds) {
  const auto whole = static_cast<int64_t>(std::llround(std::clamp(seconds, 0.0, 1e12)));
  const int64_t hours = whole / 3600;
  const int64_t minutes = whole / 60 % 60;
  if (hours > 0) return fmt::format("{}:{:02}:{:02}", hours, minutes, whole % 60);
  return fmt::format("{}:{:02}", minutes, whole % 60);
}

std::string format_bytes(uint64_t bytes) {
  constexpr std::array<const char*, 7> kUnits = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  auto value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= 1023.5 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  const bool has_decimal = unit > 0 && value < 9.95;
  return fmt::format("{:.{}f} {}", value, has_decimal ? 1 : 0, kUnits[unit]);
}

std::string counted(int64_t count, std::string_view noun) { return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s"); }

std::string format_count(double count) {
  constexpr std::array<const char*, 4> kUnits = {" k", " M", " G", " T"};
  if (std::abs(count) < 999.5) return fmt::format("{:.0f}", count);
  double value = count / 1000;
  size_t unit = 0;
  while (std::abs(value) >= 999.95 && unit + 1 < kUnits.size()) {
    value /= 1000;
    ++unit;
  }
  return fmt::format("{:.1f}{}", value, kUnits[unit]);
}

std::string draw_progress(const ProgressView& view, size_t width, bool colour) {
  std::string before = view.title.empty() ? "" : view.title + " ";
  std::string after = fmt::format(" {}/{}", view.done, view.total);
  for (const std::string& part : {format_rate(view), view.text, format_time_left(view)}) {
    if (!part.empty()) after += "  " + part;
  }
  const size_t around = columns(before) + columns(after);
  const size_t bar_width = around + kBarWidth <= width ? kBarWidth : kNarrowBarWidth;
  const size_t room_before = width > bar_width ? width - bar_width : 0;
  before = cut_to(before, room_before);
  after = cut_to(after, room_before - columns(before));
  return before + draw_bar(share_done(view), std::min(bar_width, width), colour) + after;
}

struct ProgressBar::State {
  ProgressView view;
  ProgressStyle style = ProgressStyle::plain;
  bool colour = false;
  bool is_drawn = false;
  Clock::time_point begun = Clock::now();
  Clock::time_point drawn{};
  std::mutex mutex;

  void draw() {
    view.seconds = std::chrono::duration<double>(Clock::now() - begun).count();
    // One column stays free: some terminals wrap when the last one is written.
    print(std::string(kClearLine) + draw_progress(view, stderr_width() - 1, colour));
    drawn = Clock::now();
    is_drawn = true;
  }
};

ProgressBar::ProgressBar(std::string title, int64_t total, ProgressStyle style) : state_(std::make_unique<State>()) {
  state_->view.title = std::move(title);
  state_->view.total = total;
  const ProgressStyle found = stderr_is_terminal() ? ProgressStyle::terminal : ProgressStyle::plain;
  state_->style = style == ProgressStyle::automatic ? found : style;
  state_->colour = colours_wanted();
}

ProgressBar::~ProgressBar() {
  if (state_->is_drawn) print(kClearLine);
}

void ProgressBar::update(int64_t done, const std::string& text) {
  const std::lock_guard lock(state_->mutex);
  state_->view.done = done;
  state_->view.text = text;
  const bool is_due = Clock::now() - state_->drawn >= kRedrawInterval;
  if (state_->style == ProgressStyle::terminal && is_due) state_->draw();
}

void ProgressBar::message(const std::string& line) {
  const std::lock_guard lock(state_->mutex);
  if (state_->style == ProgressStyle::quiet) return;
  if (!state_->is_drawn) {
    print(line + "\n");
    return;
  }
  print(std::string(kClearLine) + line + "\n");
  state_->draw();
}

bool stderr_is_terminal() {
  const char* term = std::getenv("TERM");
  return ::isatty(STDERR_FILENO) != 0 && term != nullptr && *term != '\0' && std::string_view(term) != "dumb";
}

}  // namespace larmor
