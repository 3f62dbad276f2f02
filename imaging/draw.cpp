#include "imaging/draw.h"

#include <algorithm>
#include <cmath>
#include <opencv2/imgproc.hpp>

#include "core/error.h"
#include "imaging/opencv.h"

namespace larmor::imaging {

namespace {

constexpr double kLowQuantile = 0.005;
constexpr double kHighQuantile = 0.995;
constexpr Colour kSheetColour{24, 24, 24};
constexpr Colour kCaptionColour{230, 230, 230};
constexpr int64_t kGap = 4;             // pixels between tiles
constexpr int64_t kCaptionHeight = 16;  // pixels below a tile
constexpr int kLegendSquare = 8;
constexpr int kFont = cv::FONT_HERSHEY_SIMPLEX;
constexpr double kFontScale = 0.4;
constexpr double kSmallestFontScale = 0.28;  // below, letters are no longer read

cv::Scalar scalar_of(Colour colour) { return {double(colour[0]), double(colour[1]), double(colour[2])}; }

/// The channels that are shown: the first three, or the first of one or two.
int64_t shown_channels(const Image& image) { return image.channels >= 3 ? 3 : 1; }

/// What maps the 0.5-99.5 percentile range of the finite shown values to 0-255.
struct Window {
  double low = 0;
  double scale = 0;
  uint8_t operator()(float value) const {
    if (std::isnan(value)) return 0;
    return static_cast<uint8_t>(std::lround(std::clamp((double{value} - low) * scale, 0.0, 255.0)));
  }
};

Window window_of(const Image& image) {
  const float* values = image.data<float>();
  std::vector<float> finite;
  finite.reserve(static_cast<size_t>(image.voxels() * shown_channels(image)));
  for (int64_t i = 0; i < image.voxels(); ++i) {
    for (int64_t c = 0; c < shown_channels(image); ++c) {
      const float value = values[i * image.channels + c];
      if (std::isfinite(value)) finite.push_back(value);
    }
  }
  if (finite.empty()) return {};
  const auto quantile = [&](double q) {
    const auto nth = finite.begin() + static_cast<int64_t>(std::lround(q * static_cast<double>(finite.size() - 1)));
    std::nth_element(finite.begin(), nth, finite.end());
    return double{*nth};
  };
  const double low = quantile(kLowQuantile);
  const double high = quantile(kHighQuantile);
  return {low, high > low ? 255 / (high - low) : 0};
}

/// RGB from values of type T through `shade`.
template <class T, class Shade>
Image make_rgb(const Image& image, Shade shade) {
  Image rgb = Image::make({image.width(), image.height(), 1}, 3, PixelType::u8);
  rgb.geometry = image.geometry;
  const int64_t step = shown_channels(image) == 3 ? 1 : 0;
  const T* from = image.data<T>();
  uint8_t* to = rgb.data<uint8_t>();
  for (int64_t i = 0; i < image.voxels(); ++i, from += image.channels, to += 3) {
    for (int64_t c = 0; c < 3; ++c) to[c] = shade(from[c * step]);
  }
  return rgb;
}

double text_width(const std::string& text, double scale) {
  int baseline = 0;
  return cv::getTextSize(text, kFont, scale, 1, &baseline).width;
}

/// The font has ASCII only: any other letter becomes one "?".
std::string to_ascii(const std::string& text) {
  std::string result;
  for (const char c : text) {
    const bool is_inside_letter = (static_cast<unsigned char>(c) & 0xC0) == 0x80;
    if (!is_inside_letter) result += 0x20 <= c && c <= 0x7E ? c : '?';
  }
  return result;
}

/// Draws a caption that fits `width`: smaller first, then cut with dots.
void draw_caption(cv::Mat& sheet, const std::string& caption, int64_t x, int64_t y, int64_t width) {
  std::string text = to_ascii(caption);
  double scale = kFontScale;
  const auto room = static_cast<double>(width - 2);
  if (text_width(text, scale) > room) scale = std::max(kSmallestFontScale, scale * room / text_width(text, scale));
  if (text_width(text, scale) > room) {
    while (!text.empty() && text_width(text + "..", scale) > room) text.pop_back();
    text = text.empty() ? text : text + "..";
  }
  const cv::Point start(static_cast<int>(x + 1), static_cast<int>(y + kCaptionHeight - 5));
  cv::putText(sheet, text, start, kFont, scale, scalar_of(kCaptionColour), 1, cv::LINE_AA);
}

}  // namespace

Image to_rgb(const Image& image) {
  LARMOR_ASSERT(image.depth() == 1);
  if (image.type == PixelType::u8) return make_rgb<uint8_t>(image, [](uint8_t value) { return value; });
  const Image values = convert(image, PixelType::f32);
  return make_rgb<float>(values, window_of(values));
}

void draw_contour(Image& rgb, const Image& mask, Colour colour, int thickness) {
  LARMOR_ASSERT(rgb.type == PixelType::u8 && rgb.channels == 3 && mask.type == PixelType::u8 && mask.channels == 1);
  LARMOR_ASSERT(rgb.size == mask.size && thickness >= 1);
  if (mask.voxels() == 0) return;
  // The outline is what an erosion takes away, so it lies inside; outside of the picture counts as outside of the mask.
  const cv::Mat inside = matrix_of(mask) != 0;
  const cv::Mat cross = cv::getStructuringElement(cv::MORPH_CROSS, {3, 3});
  cv::Mat core;
  cv::erode(inside, core, cross, {-1, -1}, thickness, cv::BORDER_CONSTANT, cv::Scalar(0));
  matrix_of(rgb).setTo(scalar_of(colour), inside & ~core);
}

Image with_legend(const Image& rgb, const std::vector<LegendLine>& lines) {
  LARMOR_ASSERT(rgb.type == PixelType::u8 && rgb.channels == 3 && !lines.empty());
  Image result = Image::make({rgb.width(), rgb.height() + kCaptionHeight, 1}, 3, PixelType::u8);
  cv::Mat canvas = matrix_of(result);
  canvas.setTo(scalar_of(kSheetColour));
  matrix_of(rgb).copyTo(canvas(cv::Rect(0, 0, static_cast<int>(rgb.width()), static_cast<int>(rgb.height()))));
  const int64_t step = rgb.width() / static_cast<int64_t>(lines.size());
  for (size_t i = 0; i < lines.size(); ++i) {
    const int64_t x = static_cast<int64_t>(i) * step + kGap;
    const cv::Rect square(static_cast<int>(x), static_cast<int>(rgb.height() + kGap), kLegendSquare, kLegendSquare);
    cv::rectangle(canvas, square, scalar_of(lines[i].colour), cv::FILLED);
    draw_caption(canvas, lines[i].text, x + kLegendSquare + kGap, rgb.height(), step - kLegendSquare - 2 * kGap);
  }
  return result;
}

Image contact_sheet(const std::vector<Image>& tiles, const std::vector<std::string>& captions, int64_t columns) {
  LARMOR_ASSERT(!tiles.empty() && columns >= 1 && (captions.empty() || captions.size() == tiles.size()));
  const int64_t width = tiles[0].width();
  const int64_t height = tiles[0].height();
  const int64_t count = static_cast<int64_t>(tiles.size());
  columns = std::min(columns, count);
  const int64_t rows = (count + columns - 1) / columns;
  const bool has_captions = std::any_of(captions.begin(), captions.end(), [](const std::string& text) { return !text.empty(); });
  const int64_t step_x = width + kGap;
  const int64_t step_y = height + kGap + (has_captions ? kCaptionHeight : 0);

  Image sheet = Image::make({columns * step_x + kGap, rows * step_y + kGap, 1}, 3, PixelType::u8);
  cv::Mat canvas = matrix_of(sheet);
  canvas.setTo(scalar_of(kSheetColour));
  for (int64_t i = 0; i < count; ++i) {
    const Image& tile = tiles[static_cast<size_t>(i)];
    LARMOR_ASSERT(tile.size == tiles[0].size && tile.type == PixelType::u8 && tile.channels == 3);
    const int64_t x = kGap + i % columns * step_x;
    const int64_t y = kGap + i / columns * step_y;
    const cv::Rect place(static_cast<int>(x), static_cast<int>(y), static_cast<int>(width), static_cast<int>(height));
    matrix_of(tile).copyTo(canvas(place));
    if (has_captions) draw_caption(canvas, captions[static_cast<size_t>(i)], x, y + height, width);
  }
  return sheet;
}

}  // namespace larmor::imaging
