#include "imaging/spline_resize.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "core/error.h"

namespace larmor::imaging {

namespace {

constexpr size_t kTaps = 3;

/// Where one output coordinate takes its values from.
struct Taps {
  bool is_inside = false;
  std::array<int64_t, kTaps> from{};
  std::array<double, kTaps> weight{};
};

/// The place of output `k` among `old_size` pixels; nothing outside of the outermost centres.
bool locate(int64_t k, int64_t old_size, int64_t new_size, double& place) {
  place = static_cast<double>(old_size) / static_cast<double>(new_size) * (static_cast<double>(k) + 0.5) - 0.5;
  return place >= 0 && place <= static_cast<double>(old_size - 1);
}

int64_t mirrored(int64_t i, int64_t size) {
  if (size == 1) return 0;
  const int64_t period = 2 * size - 2;
  i = std::abs(i) % period;
  return i < size ? i : period - i;
}

std::vector<Taps> quadratic_taps(int64_t old_size, int64_t new_size) {
  std::vector<Taps> all(static_cast<size_t>(new_size));
  for (int64_t k = 0; k < new_size; ++k) {
    Taps& taps = all[static_cast<size_t>(k)];
    double place = 0;
    taps.is_inside = locate(k, old_size, new_size, place);
    if (!taps.is_inside) continue;
    const double middle = std::floor(place + 0.5);
    const double x = place - middle;
    taps.weight = {0.5 * (0.5 - x) * (0.5 - x), 0.75 - x * x, 0.5 * (0.5 + x) * (0.5 + x)};
    for (size_t t = 0; t < kTaps; ++t) taps.from[t] = mirrored(static_cast<int64_t>(middle) - 1 + static_cast<int64_t>(t), old_size);
  }
  return all;
}

/// A plane of rows of doubles; the rows' elements are filtered side by side.
struct Plane {
  int64_t rows = 0;
  int64_t columns = 0;
  std::vector<double> values;
  Plane(int64_t row_count, int64_t column_count)
      : rows(row_count), columns(column_count), values(static_cast<size_t>(row_count * column_count)) {}
  double* row(int64_t i) { return values.data() + i * columns; }
  const double* row(int64_t i) const { return values.data() + i * columns; }
};

/// Turns samples along the columns into coefficients of the quadratic spline: one pole, mirrored ends, exact sums. Unser 1999.
void filter_rows(Plane& plane) {
  if (plane.rows == 1) return;
  const double pole = std::sqrt(8.0) - 3, gain = (1 - pole) * (1 - 1 / pole);
  const int64_t last = plane.rows - 1;
  for (double& value : plane.values) value *= gain;
  std::vector<double> start(plane.row(0), plane.row(0) + plane.columns);
  double power = pole, back = std::pow(pole, 2 * last - 1);
  for (int64_t i = 1; i < last; ++i) {
    const double* row = plane.row(i);
    for (int64_t c = 0; c < plane.columns; ++c) start[static_cast<size_t>(c)] += (power + back) * row[c];
    power *= pole;
    back /= pole;
  }
  for (int64_t c = 0; c < plane.columns; ++c) {
    plane.row(0)[c] = (start[static_cast<size_t>(c)] + power * plane.row(last)[c]) / (1 - std::pow(pole, 2 * last));
  }
  for (int64_t i = 1; i <= last; ++i) {
    for (int64_t c = 0; c < plane.columns; ++c) plane.row(i)[c] += pole * plane.row(i - 1)[c];
  }
  for (int64_t c = 0; c < plane.columns; ++c) {
    plane.row(last)[c] = pole / (pole * pole - 1) * (plane.row(last)[c] + pole * plane.row(last - 1)[c]);
  }
  for (int64_t i = last - 1; i >= 0; --i) {
    for (int64_t c = 0; c < plane.columns; ++c) plane.row(i)[c] = pole * (plane.row(i + 1)[c] - plane.row(i)[c]);
  }
}

Plane sample_rows(const Plane& coefficients, int64_t new_rows) {
  const std::vector<Taps> all = quadratic_taps(coefficients.rows, new_rows);
  Plane result(new_rows, coefficients.columns);
  for (int64_t i = 0; i < new_rows; ++i) {
    const Taps& taps = all[static_cast<size_t>(i)];
    if (!taps.is_inside) continue;
    const double *a = coefficients.row(taps.from[0]), *b = coefficients.row(taps.from[1]), *c = coefficients.row(taps.from[2]);
    double* to = result.row(i);
    for (int64_t k = 0; k < coefficients.columns; ++k) to[k] = taps.weight[0] * a[k] + taps.weight[1] * b[k] + taps.weight[2] * c[k];
  }
  return result;
}

Plane resize_rows(Plane plane, int64_t new_rows) {
  filter_rows(plane);
  return sample_rows(plane, new_rows);
}

/// Rows become columns; `channels` neighbours in a row stay together.
Plane transposed(const Plane& plane, int64_t channels) {
  const int64_t columns = plane.columns / channels;
  Plane result(columns, plane.rows * channels);
  for (int64_t y = 0; y < plane.rows; ++y) {
    for (int64_t x = 0; x < columns; ++x) {
      std::copy_n(plane.row(y) + x * channels, channels, result.row(x) + y * channels);
    }
  }
  return result;
}

Plane plane_of(const Image& image) {
  Plane plane(image.height(), image.width() * image.channels);
  if (image.type == PixelType::u8) {
    std::copy_n(image.data<uint8_t>(), image.elements(), plane.values.begin());
  } else {
    std::copy_n(image.data<float>(), image.elements(), plane.values.begin());
  }
  return plane;
}

/// The source pixel of each output coordinate; -1 outside.
std::vector<int64_t> nearest_places(int64_t old_size, int64_t new_size) {
  std::vector<int64_t> places;
  for (int64_t k = 0; k < new_size; ++k) {
    double place = 0;
    places.push_back(locate(k, old_size, new_size, place) ? static_cast<int64_t>(std::floor(place + 0.5)) : -1);
  }
  return places;
}

void require_fit(const Image& image, int64_t width, int64_t height) {
  LARMOR_ASSERT(image.depth() == 1 && image.voxels() > 0 && width > 0 && height > 0);
  LARMOR_ASSERT(image.type == PixelType::u8 || image.type == PixelType::f32);
}

}  // namespace

Image resize_quadratic(const Image& image, int64_t width, int64_t height) {
  require_fit(image, width, height);
  if (image.width() == width && image.height() == height) return convert(image, PixelType::f32);
  const Plane tall = resize_rows(plane_of(image), height);
  const Plane whole = transposed(resize_rows(transposed(tall, image.channels), width), image.channels);
  Image result = Image::make({width, height, 1}, image.channels, PixelType::f32);
  std::transform(whole.values.begin(), whole.values.end(), result.data<float>(), [](double value) { return static_cast<float>(value); });
  return result;
}

Image resize_nearest(const Image& image, int64_t width, int64_t height) {
  require_fit(image, width, height);
  const std::vector<int64_t> columns = nearest_places(image.width(), width), rows = nearest_places(image.height(), height);
  const auto pixel = static_cast<int64_t>(size_of(image.type)) * image.channels;
  Image result = Image::make({width, height, 1}, image.channels, image.type);
  for (int64_t y = 0; y < height; ++y) {
    const int64_t row = rows[static_cast<size_t>(y)];
    for (int64_t x = 0; x < width; ++x) {
      const int64_t column = columns[static_cast<size_t>(x)];
      if (row < 0 || column < 0) continue;
      std::copy_n(image.bytes.data() + (row * image.width() + column) * pixel, pixel, result.bytes.data() + (y * width + x) * pixel);
    }
  }
  return result;
}

}  // namespace larmor::imaging
