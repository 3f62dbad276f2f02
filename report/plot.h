// Charts for reports, as SVG text to be put into a page. gnuplot draws them; no shell and no file is involved.
//
// Lines and letters take the colour of the text around them, so the same chart reads well on light and dark pages; series have the
// colour-blind-safe colours of Okabe and Ito (2008). Labels may hold any text: it is shown as it stands, never interpreted.
//
// Every function returns "" where gnuplot is not installed or no point is finite: the page then has the numbers alone.
// The same input gives the same text.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace larmor::report {

struct ChartOptions {
  std::string title;  ///< what the chart shows, in a sentence: for screen readers, not drawn
  std::string x_label;
  std::string y_label;
  int64_t width = 720;  ///< pixels at natural size; the picture scales to its place
  int64_t height = 360;
  std::optional<double> y_low;  ///< ends of the y axis; free where unset
  std::optional<double> y_high;
  bool log_x = false;       ///< logarithmic x axis; points with x <= 0 are left out
  size_t names_shown = 12;  /// of points: so many of the lowest are written beside their point, all others show under the mouse
};

/// A named line through y[i] at x[i]. A value that is not finite leaves a gap.
struct Series {
  std::string name;
  std::vector<double> x;
  std::vector<double> y;  ///< as many as x (assertion)
};
/// Learning curves and the like, with a legend.
std::string line_chart(const std::vector<Series>& series, const ChartOptions& options);

/// A line with the range around it, as mean and extremes over seeds.
struct BandSeries {
  Series mean;
  std::vector<double> low, high;  ///< as many as mean.x (assertion)
};
/// Lines over their shaded bands, in the same colours; a place whose band is not finite has none.
std::string band_chart(const std::vector<BandSeries>& series, const ChartOptions& options);

struct NamedPoint {
  std::string name;
  double x = 0;
  double y = 0;
};
std::string scatter_chart(const std::vector<NamedPoint>& points, const ChartOptions& options);

struct NamedValue {
  std::string name;
  double value = 0;
};
/// One column of a strip chart, with its median as a bar.
struct Strip {
  std::string name;
  std::vector<NamedValue> values;
};
/// All values of some groups, side by side (per-patient Dice of some models).
std::string strip_chart(const std::vector<Strip>& strips, const ChartOptions& options);

}  // namespace larmor::report
