// One live line on a terminal, plain lines elsewhere. Everything goes to stderr; results belong on stdout.
#pragma once
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace larmor {

enum class ProgressStyle { automatic, terminal, plain, quiet };

/// Text forms shared by all output: "0:07", "2:41", "1:02:03"; "12.1 s"; "47 MiB"; "33.2 M".
std::string format_clock(double seconds);
std::string format_bytes(uint64_t bytes);
std::string format_count(double count);
/// "1 slice", "2 slices"; for nouns that take an s.
std::string counted(int64_t count, std::string_view noun);

/// What one drawing of a bar shows.
struct ProgressView {
  std::string title;
  int64_t done = 0;
  int64_t total = 0;
  double seconds = 0;  ///< since the loop began; rate and time left follow from it
  std::string text;
};

/// The live line without control sequences but colours: title, bar, done/total, rate, text, time left; cut to `width` columns.
std::string draw_progress(const ProgressView& view, size_t width, bool colour);

/// A bar for one loop of known length: title, bar, done/total, rate, free text, ETA. Style plain prints messages only, quiet nothing.
class ProgressBar {
 public:
  ProgressBar(std::string title, int64_t total, ProgressStyle style = ProgressStyle::automatic);
  ~ProgressBar();  ///< clears the live line
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;
  /// Redraws at most 10 times a second. `text` is shown after the rate ("loss 0.412  wait 1 %").
  void update(int64_t done, const std::string& text = "");
  /// Prints a line that stays, above the bar.
  void message(const std::string& line);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// True when stderr is a terminal that understands control sequences (TERM is not "dumb", NO_COLOR respected by colours only).
bool stderr_is_terminal();

}  // namespace larmor
