#include "report/plot.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <string_view>

#include "core/error.h"
#include "core/files.h"

namespace larmor::report {

namespace {

// Okabe and Ito's colours without black and yellow, which vanish on dark and light pages.
constexpr std::array kColours = {"#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9"};
// Stand for the colour of the page's text until gnuplot has drawn.
constexpr const char* kInk = "#010203";
constexpr const char* kFaintInk = "#010204";
constexpr size_t kLongestLabel = 80;  // bytes

/// The length of the UTF-8 sequence at the start of `text`, 0 where there is none.
size_t sequence_length(std::string_view text) {
  const auto first = static_cast<unsigned char>(text[0]);
  const size_t length = first < 0x80 ? 1 : (first & 0xE0) == 0xC0 ? 2 : (first & 0xF0) == 0xE0 ? 3 : (first & 0xF8) == 0xF0 ? 4 : 0;
  if (length > text.size()) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((static_cast<unsigned char>(text[i]) & 0xC0) != 0x80) return 0;
  }
  return length;
}

/// One line of valid UTF-8: control characters become spaces, broken bytes "?", long texts are cut.
std::string plain(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    if (result.size() > kLongestLabel) return result + "…";
    const size_t length = sequence_length(text);
    const auto first = static_cast<unsigned char>(text[0]);
    if (length == 0) {
      result += '?';
    } else if (first < 0x20 || first == 0x7F) {
      result += ' ';
    } else {
      result += text.substr(0, length);
    }
    text.remove_prefix(std::max<size_t>(length, 1));
  }
  return result;
}

/// A string for gnuplot: between single quotes nothing is special but the quote, which is doubled.
std::string gnuplot_string(std::string_view text) {
  std::string result = "'";
  for (const char c : plain(text)) result += c == '\'' ? std::string("''") : std::string(1, c);
  return result + "'";
}

std::string escaped_for_xml(std::string_view text) {
  std::string result;
  for (const char c : plain(text)) {
    switch (c) {
      case '&':
        result += "&amp;";
        break;
      case '<':
        result += "&lt;";
        break;
      case '>':
        result += "&gt;";
        break;
      case '"':
        result += "&quot;";
        break;
      default:
        result += c;
    }
  }
  return result;
}

/// A number for gnuplot: inside a data block, and of a range ("*" leaves the end free).
std::string number(double value) { return fmt::format("{}", value); }
std::string end_of_range(const std::optional<double>& value) { return value ? number(*value) : "*"; }

class Descriptor {
 public:
  explicit Descriptor(int value) : value_(value) {}
  ~Descriptor() { close(); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return value_; }
  void close() {
    if (value_ >= 0) ::close(value_);
    value_ = -1;
  }

 private:
  int value_;
};

std::string read_to_end(int descriptor) {
  std::string content;
  std::array<char, 65536> buffer;
  for (;;) {
    const ssize_t got = ::read(descriptor, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return content;
    content.append(buffer.data(), static_cast<size_t>(got));
  }
}

/// A file in memory that holds `content`, at its start.
bool fill(const Descriptor& file, std::string_view content) {
  while (!content.empty()) {
    const ssize_t written = ::write(file.get(), content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    content.remove_prefix(static_cast<size_t>(written));
  }
  return ::lseek(file.get(), 0, SEEK_SET) == 0;
}

/// What gnuplot prints for a script; "" where there is no gnuplot or it fails.
std::string run_gnuplot(const std::string& script) {
  // The script lies in memory, not in a pipe, so that writing it and reading the picture cannot wait for each other.
  const Descriptor input(::memfd_create("chart", MFD_CLOEXEC));
  std::array<int, 2> ends{-1, -1};
  if (!fill(input, script) || ::pipe2(ends.data(), O_CLOEXEC) != 0) return {};
  const Descriptor output(ends[0]);
  Descriptor output_of_child(ends[1]);

  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, input.get(), STDIN_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, output_of_child.get(), STDOUT_FILENO);
  ::posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  std::string program = "gnuplot", no_settings_of_the_user = "-d", from_input = "-";
  const std::array<char*, 4> arguments = {program.data(), no_settings_of_the_user.data(), from_input.data(), nullptr};
  pid_t child = 0;
  const int failure = ::posix_spawnp(&child, "gnuplot", &actions, nullptr, arguments.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  output_of_child.close();
  if (failure != 0) return {};

  std::string picture = read_to_end(output.get());
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return {};
  }
  const bool is_done = WIFEXITED(status) && WEXITSTATUS(status) == 0 && picture.find("</svg>") != std::string::npos;
  return is_done ? picture : std::string();
}

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) text.replace(at, from.size(), to);
}

/// Gives the first `names.size()` points of plot number `plot` (from 1) a name that shows under the mouse.
void name_points(std::string& svg, size_t plot, const std::vector<std::string>& names) {
  const std::string group = fmt::format("<g id=\"gnuplot_plot_{}\" >", plot);
  const std::string_view point = "<use xlink:href=";
  size_t at = svg.find(group);
  if (at == std::string::npos) return;
  size_t end = std::min(svg.find("<g id=\"gnuplot_plot_", at + 1), svg.size());
  for (const std::string& name : names) {
    at = svg.find(point, at + 1);
    if (at >= end) return;
    const size_t close = svg.find("/>", at);
    const std::string title = "><title>" + escaped_for_xml(name) + "</title></use>";
    svg.replace(close, 2, title);
    end += title.size();
  }
}

/// gnuplot writes a group for every change of style, most of them empty.
void remove_empty_groups(std::string& svg) {
  const std::string_view end = ">\n</g>\n";
  for (size_t at = svg.find(end); at != std::string::npos;) {
    const size_t start = svg.rfind('<', at);
    const bool is_empty = svg.compare(start, 3, "<g ") == 0;
    if (is_empty) svg.erase(start, at + end.size() - start);
    at = svg.find(end, is_empty ? start : at + 1);
  }
}

/// One thing that is plotted: its points, the commands of its look, and what it is called under the mouse.
struct Plot {
  std::string data;
  std::string style;
  std::string name;
  std::vector<std::string> point_names;
  std::string columns = "1:2";  ///< of the data
};

/// From gnuplot's file to a part of a page: no prologue, own identifiers, the page's text colour, names for screen readers.
std::string to_page_part(std::string svg, const std::vector<Plot>& plots, const ChartOptions& options, const std::string& prefix) {
  for (size_t i = 0; i < plots.size(); ++i) {
    name_points(svg, i + 1, plots[i].point_names);
    const std::string title = plots[i].name.empty() ? "" : "<title>" + escaped_for_xml(plots[i].name) + "</title>";
    replace_all(svg, fmt::format("<title>gnuplot_plot_{}</title>", i + 1), title);
  }
  svg.erase(0, svg.find("<svg"));
  remove_empty_groups(svg);
  const size_t own_title = svg.find("<title>Gnuplot</title>");
  const size_t own_end = svg.find("</desc>");
  if (own_title != std::string::npos && own_end != std::string::npos)
    svg.erase(own_title, own_end + std::string_view("</desc>").size() - own_title);
  const size_t start = svg.find('>');
  const std::string title = escaped_for_xml(options.title);
  svg.insert(start + 1, "\n<title>" + title + "</title>");
  svg.insert(std::string_view("<svg").size(), fmt::format(" role=\"img\" aria-label=\"{}\"", title));
  for (const char* colour : {"black", "white", "gray"}) replace_all(svg, fmt::format(" color=\"{}\"", colour), "");
  replace_all(svg, "stroke=\"black\"", "stroke=\"currentColor\"");
  replace_all(svg, "'rgb(  1,   2,   4)'", "'currentColor' stroke-opacity='0.25'");
  replace_all(svg, "rgb(  1,   2,   4)", "currentColor");
  replace_all(svg, "rgb(  1,   2,   3)", "currentColor");
  replace_all(svg, "rgb(1,2,3)", "currentColor");
  for (const char* name : {"gpPt", "gpDot", "gnuplot_", "textbox", "greybox"}) {
    replace_all(svg, fmt::format("id='{}", name), fmt::format("id='{}{}", prefix, name));
    replace_all(svg, fmt::format("id=\"{}", name), fmt::format("id=\"{}{}", prefix, name));
    replace_all(svg, fmt::format("'#{}", name), fmt::format("'#{}{}", prefix, name));
  }
  return svg;
}

std::string settings_of(const ChartOptions& options) {
  std::string script = fmt::format("set terminal svg size {},{} dynamic noenhanced font 'sans-serif,12'\n", options.width, options.height);
  script += fmt::format("set rmargin 4\nset border 3 lc rgb '{0}'\nset tics nomirror out tc rgb '{0}'\n", kInk);
  script += fmt::format("set key outside top left horizontal Left reverse tc rgb '{}'\n", kInk);
  script += fmt::format("set grid y lc rgb '{}'\n", kFaintInk);
  script += fmt::format("set xlabel {} tc rgb '{}'\nset ylabel {} tc rgb '{}'\n", gnuplot_string(options.x_label), kInk,
                        gnuplot_string(options.y_label), kInk);
  script += fmt::format("set yrange [{}:{}]\n", end_of_range(options.y_low), end_of_range(options.y_high));
  if (options.log_x) script += "set logscale x\n";
  return script;
}

/// Draws all plots, or "" where there is nothing to draw.
std::string draw(std::string settings, const std::vector<Plot>& plots, const ChartOptions& options) {
  std::string command = "plot ";
  for (size_t i = 0; i < plots.size(); ++i) {
    settings += fmt::format("$data{} << END_OF_DATA\n{}END_OF_DATA\n", i, plots[i].data);
    command += fmt::format("{}$data{} using {} {}", i == 0 ? "" : ", ", i, plots[i].columns, plots[i].style);
  }
  if (plots.empty()) return {};
  const std::string script = settings_of(options) + settings + command + "\n";
  const std::string picture = run_gnuplot(script);
  if (picture.empty()) return {};
  return to_page_part(picture, plots, options, fmt::format("c{:08x}-", crc32(script)));
}

bool is_drawable(double x, double y, const ChartOptions& options) {
  return std::isfinite(x) && std::isfinite(y) && (!options.log_x || x > 0);
}

/// Labels beside the lowest points.
std::string labels_of(std::vector<NamedPoint> points, size_t count) {
  std::stable_sort(points.begin(), points.end(), [](const NamedPoint& a, const NamedPoint& b) { return a.y < b.y; });
  points.resize(std::min(points.size(), count));
  std::string labels;
  for (const NamedPoint& point : points) {
    labels += fmt::format("set label {} at {},{} left offset 0.7,0 font ',9' tc rgb '{}'\n", gnuplot_string(point.name), number(point.x),
                          number(point.y), kInk);
  }
  return labels;
}

Plot plot_of_points(const std::vector<NamedPoint>& points, const std::string& name, size_t colour) {
  Plot plot;
  plot.name = name;
  plot.style = fmt::format("with points pt 7 ps 0.6 lc rgb '{}' notitle", kColours[colour % kColours.size()]);
  for (const NamedPoint& point : points) {
    plot.data += fmt::format("{} {}\n", number(point.x), number(point.y));
    plot.point_names.push_back(point.name);
  }
  return plot;
}

/// None where no point can be drawn.
std::optional<Plot> plot_of_line(const Series& series, size_t colour, const ChartOptions& options) {
  LARMOR_ASSERT(series.x.size() == series.y.size());
  Plot plot;
  plot.name = series.name;
  bool has_point = false;
  for (size_t j = 0; j < series.x.size(); ++j) {
    const bool is_point = is_drawable(series.x[j], series.y[j], options);
    plot.data += is_point ? fmt::format("{} {}\n", number(series.x[j]), number(series.y[j])) : "\n";
    has_point = has_point || is_point;
  }
  if (!has_point) return {};
  plot.style = fmt::format("with linespoints pt 7 ps 0.35 lw 2 dt {} lc rgb '{}' title {}", 1 + colour / kColours.size(),
                           kColours[colour % kColours.size()], gnuplot_string(series.name));
  return plot;
}

std::optional<Plot> plot_of_band(const BandSeries& series, size_t colour, const ChartOptions& options) {
  const std::vector<double>& x = series.mean.x;
  LARMOR_ASSERT(x.size() == series.low.size() && x.size() == series.high.size());
  Plot plot;
  plot.columns = "1:2:3";
  size_t places = 0;
  for (size_t j = 0; j < x.size(); ++j) {
    const bool is_place = is_drawable(x[j], series.low[j], options) && std::isfinite(series.high[j]);
    plot.data += is_place ? fmt::format("{} {} {}\n", number(x[j]), number(series.low[j]), number(series.high[j])) : "\n";
    places += is_place;
  }
  if (places < 2) return {};  // no area
  plot.style = fmt::format("with filledcurves fs transparent solid 0.2 noborder lc rgb '{}' notitle", kColours[colour % kColours.size()]);
  return plot;
}

double median_of(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

}  // namespace

std::string line_chart(const std::vector<Series>& series, const ChartOptions& options) {
  std::vector<Plot> plots;
  for (size_t i = 0; i < series.size(); ++i) {
    if (std::optional<Plot> line = plot_of_line(series[i], i, options)) plots.push_back(std::move(*line));
  }
  return draw("", plots, options);
}

std::string band_chart(const std::vector<BandSeries>& series, const ChartOptions& options) {
  std::vector<Plot> plots;
  for (size_t i = 0; i < series.size(); ++i) {
    if (std::optional<Plot> band = plot_of_band(series[i], i, options)) plots.push_back(std::move(*band));
  }
  for (size_t i = 0; i < series.size(); ++i) {  // lines over all bands
    if (std::optional<Plot> line = plot_of_line(series[i].mean, i, options)) plots.push_back(std::move(*line));
  }
  return draw("", plots, options);
}

std::string scatter_chart(const std::vector<NamedPoint>& points, const ChartOptions& options) {
  std::vector<NamedPoint> drawn;
  std::copy_if(points.begin(), points.end(), std::back_inserter(drawn),
               [&](const NamedPoint& point) { return is_drawable(point.x, point.y, options); });
  if (drawn.empty()) return {};
  return draw(labels_of(drawn, options.names_shown), {plot_of_points(drawn, "", 0)}, options);
}

std::string strip_chart(const std::vector<Strip>& strips, const ChartOptions& options) {
  constexpr double kGoldenRatio = 0.6180339887498949;  // spreads points evenly without chance
  constexpr double kWidth = 0.5;                       // of a strip; the next one is 1 away
  std::vector<Plot> plots;
  std::vector<NamedPoint> all;
  std::string tics;
  std::string medians;
  for (size_t i = 0; i < strips.size(); ++i) {
    const auto centre = static_cast<double>(i);
    std::vector<NamedPoint> points;
    std::vector<double> values;
    for (const NamedValue& one : strips[i].values) {
      if (!std::isfinite(one.value)) continue;
      const double turn = static_cast<double>(points.size() + 1) * kGoldenRatio;
      points.push_back({one.name, centre + kWidth * (turn - std::floor(turn) - 0.5), one.value});
      values.push_back(one.value);
    }
    tics += fmt::format("{}{} {}", i == 0 ? "" : ", ", gnuplot_string(strips[i].name), i);
    if (points.empty()) continue;
    plots.push_back(plot_of_points(points, strips[i].name, i));
    const double median = median_of(values);
    medians +=
        fmt::format("{} {}\n{} {}\n\n", number(centre - kWidth * 0.6), number(median), number(centre + kWidth * 0.6), number(median));
    all.insert(all.end(), points.begin(), points.end());
  }
  if (plots.empty()) return {};
  plots.push_back({medians, fmt::format("with lines lw 2 lc rgb '{}' notitle", kInk), "medians", {}});
  const std::string settings =
      fmt::format("set xrange [-0.6:{}]\nset xtics ({})\n", number(static_cast<double>(strips.size()) - 0.4), tics);
  return draw(settings + labels_of(all, options.names_shown), plots, options);
}

}  // namespace larmor::report
