#include "datasets/resize_rotate.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "core/error.h"
#include "imaging/resize.h"

namespace larmor::datasets {

namespace {

using imaging::Image;
using imaging::PixelType;

/// Where the output pixel (x, y) lies in the input: x·xx + y·xy + x0, and so on.
struct Affine {
  double xx = 1, xy = 0, x0 = 0;
  double yx = 0, yy = 1, y0 = 0;
};

/// Four neighbours and their parts; those outside of the image count as 0.
struct Corners {
  int64_t left, right, top, bottom;
  double part_x, part_y;
};

Corners corners_of(double x, double y) {
  const double left = std::floor(x), top = std::floor(y);
  return {static_cast<int64_t>(left),
          static_cast<int64_t>(std::ceil(x)),
          static_cast<int64_t>(top),
          static_cast<int64_t>(std::ceil(y)),
          x - left,
          y - top};
}

template <class T>
T stored(double value) {
  if constexpr (std::is_same_v<T, uint8_t>) return static_cast<uint8_t>(std::lround(std::clamp(value, 0.0, 255.0)));
  return static_cast<T>(value);
}

/// Reads pixels of an image; 0 outside.
template <class T>
struct Reader {
  const T* values;
  int64_t width, height, channels;
  explicit Reader(const Image& image) : values(image.data<T>()), width(image.width()), height(image.height()), channels(image.channels) {}
  bool holds(int64_t x, int64_t y) const { return x >= 0 && x < width && y >= 0 && y < height; }
  double at(int64_t x, int64_t y, int64_t c) const {
    return holds(x, y) ? static_cast<double>(values[(y * width + x) * channels + c]) : 0.0;
  }
};

template <class T>
void write_linear(const Reader<T>& from, double x, double y, T* to) {
  const Corners k = corners_of(x, y);
  for (int64_t c = 0; c < from.channels; ++c) {
    const double top = (1 - k.part_x) * from.at(k.left, k.top, c) + k.part_x * from.at(k.right, k.top, c);
    const double bottom = (1 - k.part_x) * from.at(k.left, k.bottom, c) + k.part_x * from.at(k.right, k.bottom, c);
    to[c] = stored<T>((1 - k.part_y) * top + k.part_y * bottom);
  }
}

template <class T>
void write_nearest(const Reader<T>& from, double x, double y, T* to) {
  const int64_t column = std::lround(x), row = std::lround(y);
  if (!from.holds(column, row)) return;
  for (int64_t c = 0; c < from.channels; ++c) to[c] = from.values[(row * from.width + column) * from.channels + c];
}

template <class T>
Image warp_of(const Image& image, const Affine& place, int64_t width, int64_t height, Sampling sampling) {
  Image result = Image::make({width, height, 1}, image.channels, image.type);
  const Reader<T> from(image);
  for (int64_t row = 0; row < height; ++row) {
    T* to = result.data<T>() + row * width * image.channels;
    const auto v = static_cast<double>(row);
    for (int64_t column = 0; column < width; ++column, to += image.channels) {
      const auto u = static_cast<double>(column);
      const double x = place.xx * u + place.xy * v + place.x0, y = place.yx * u + place.yy * v + place.y0;
      if (sampling == Sampling::linear) {
        write_linear(from, x, y, to);
      } else {
        write_nearest(from, x, y, to);
      }
    }
  }
  return result;
}

Image warp(const Image& image, const Affine& place, int64_t width, int64_t height, Sampling sampling) {
  LARMOR_ASSERT(image.depth() == 1 && (image.type == PixelType::u8 || image.type == PixelType::f32));
  return image.type == PixelType::u8 ? warp_of<uint8_t>(image, place, width, height, sampling)
                                     : warp_of<float>(image, place, width, height, sampling);
}

}  // namespace

Image rescale_in_place(const Image& image, double scale, Sampling sampling) {
  LARMOR_ASSERT(image.width() == image.height() && scale > 0);
  const int64_t side = image.width();
  const auto resized = std::max<int64_t>(1, static_cast<int64_t>(std::nearbyint(scale * static_cast<double>(side))));
  const double step = static_cast<double>(side) / static_cast<double>(resized), first = step / 2 - 0.5;
  const Image changed = warp(image, {step, 0, first, 0, step, first}, resized, resized, sampling);
  return resized < side ? imaging::pad_to(changed, side, side) : imaging::crop_centre(changed, side, side);
}

Image rotate_in_place(const Image& image, double angle_deg, Sampling sampling) {
  const double angle = angle_deg * std::numbers::pi / 180, cosine = std::cos(angle), sine = std::sin(angle);
  const double x = static_cast<double>(image.width() - 1) / 2, y = static_cast<double>(image.height() - 1) / 2;
  const Affine place{cosine, -sine, x - cosine * x + sine * y, sine, cosine, y - sine * x - cosine * y};
  return warp(image, place, image.width(), image.height(), sampling);
}

}  // namespace larmor::datasets
