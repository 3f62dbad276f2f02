#include "imaging/resample.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/error.h"
#include "imaging/threads.h"

namespace larmor::imaging {

namespace {

/// Calls `body` with the pixels in their own type.
template <class Body>
void visit_pixels(const Image& image, Body&& body) {
  switch (image.type) {
    case PixelType::u8:
      return body(image.data<uint8_t>());
    case PixelType::i16:
      return body(image.data<int16_t>());
    case PixelType::u16:
      return body(image.data<uint16_t>());
    case PixelType::i32:
      return body(image.data<int32_t>());
    case PixelType::f32:
      return body(image.data<float>());
  }
}

/// Two neighbours along an axis and the weight of the second.
struct Between {
  int64_t low = 0, high = 0;
  double weight = 0;
};

bool is_inside(double index, int64_t size) { return index >= -0.5 && index <= static_cast<double>(size) - 0.5; }

Between between(double index, int64_t size) {
  const double clamped = std::clamp(index, 0.0, static_cast<double>(size - 1));
  const auto low = static_cast<int64_t>(clamped);
  return {low, std::min(low + 1, size - 1), clamped - static_cast<double>(low)};
}

template <class T>
double linear_value(const T* values, const Image& image, const Between& x, const Between& y, const Between& z, int64_t channel) {
  const auto along_x = [&](int64_t row, int64_t slice) {
    const T* start = values + (slice * image.size[1] + row) * image.size[0] * image.channels + channel;
    const auto low = static_cast<double>(start[x.low * image.channels]);
    return low + x.weight * (static_cast<double>(start[x.high * image.channels]) - low);
  };
  const auto along_y = [&](int64_t slice) {
    const double low = along_x(y.low, slice);
    return low + y.weight * (along_x(y.high, slice) - low);
  };
  const double low = along_y(z.low);
  return low + z.weight * (along_y(z.high) - low);
}

int64_t nearest_index(double index, int64_t size) { return std::clamp<int64_t>(static_cast<int64_t>(std::lround(index)), 0, size - 1); }

/// Fills one slice; `place` maps indices of the grid to indices of the moving image.
template <class T, class Out, class Value>
void fill_slice(const Image& moving, const AffineTransform& place, int64_t z, Image& result, Out outside, Value value) {
  Out* out = result.data<Out>() + z * result.size[0] * result.size[1] * result.channels;
  for (int64_t y = 0; y < result.size[1]; ++y) {
    for (int64_t x = 0; x < result.size[0]; ++x, out += result.channels) {
      const Point p = map_point(place, {static_cast<double>(x), static_cast<double>(y), static_cast<double>(z)});
      const bool inside = is_inside(p[0], moving.size[0]) && is_inside(p[1], moving.size[1]) && is_inside(p[2], moving.size[2]);
      if (inside) {
        value(p, out);
      } else {
        std::fill_n(out, result.channels, outside);
      }
    }
  }
}

template <class T>
void resample_linear(const Image& moving, const AffineTransform& place, const ResampleOptions& options, Image& result) {
  const T* values = moving.data<T>();
  for_each_index(result.size[2], options.threads, [&](int64_t slice) {
    fill_slice<T, float>(moving, place, slice, result, static_cast<float>(options.outside), [&](const Point& p, float* out) {
      const Between x = between(p[0], moving.size[0]), y = between(p[1], moving.size[1]), z = between(p[2], moving.size[2]);
      for (int64_t c = 0; c < moving.channels; ++c) out[c] = static_cast<float>(linear_value(values, moving, x, y, z, c));
    });
  });
}

template <class T>
void resample_nearest(const Image& moving, const AffineTransform& place, const ResampleOptions& options, Image& result) {
  const T* values = moving.data<T>();
  for_each_index(result.size[2], options.threads, [&](int64_t slice) {
    fill_slice<T, T>(moving, place, slice, result, static_cast<T>(options.outside), [&](const Point& p, T* out) {
      const int64_t x = nearest_index(p[0], moving.size[0]), y = nearest_index(p[1], moving.size[1]),
                    z = nearest_index(p[2], moving.size[2]);
      std::copy_n(values + ((z * moving.size[1] + y) * moving.size[0] + x) * moving.channels, moving.channels, out);
    });
  });
}

/// The share of a Gaussian that falls on each voxel, from the centre outwards; the whole kernel sums to 1.
std::vector<double> half_kernel(double sigma) {
  const auto radius = static_cast<int64_t>(std::ceil(4 * sigma));
  const auto cumulative = [&](double x) { return 0.5 * std::erf(x / (sigma * std::sqrt(2.0))); };
  std::vector<double> kernel;
  for (int64_t i = 0; i <= radius; ++i)
    kernel.push_back(cumulative(static_cast<double>(i) + 0.5) - cumulative(static_cast<double>(i) - 0.5));
  double sum = kernel[0];
  for (size_t i = 1; i < kernel.size(); ++i) sum += 2 * kernel[i];
  for (double& weight : kernel) weight /= sum;
  return kernel;
}

/// Convolves `lanes` neighbouring lines at once: element i of lane l is line[i * step + l].
void convolve_lines(float* line, int64_t count, int64_t step, int64_t lanes, const std::vector<double>& kernel) {
  std::vector<double> sums(static_cast<size_t>(count * lanes));
  const auto radius = static_cast<int64_t>(kernel.size()) - 1;
  for (int64_t i = 0; i < count; ++i) {
    double* sum = sums.data() + i * lanes;
    for (int64_t k = -radius; k <= radius; ++k) {
      const float* from = line + std::clamp<int64_t>(i + k, 0, count - 1) * step;
      const double weight = kernel[static_cast<size_t>(std::abs(k))];
      for (int64_t lane = 0; lane < lanes; ++lane) sum[lane] += weight * static_cast<double>(from[lane]);
    }
  }
  for (int64_t i = 0; i < count; ++i) {
    for (int64_t lane = 0; lane < lanes; ++lane) line[i * step + lane] = static_cast<float>(sums[static_cast<size_t>(i * lanes + lane)]);
  }
}

}  // namespace

Grid grid_of(const Image& image) { return {image.size, image.geometry}; }

Image resample(const Image& moving, const Grid& grid, const AffineTransform& grid_to_moving, const ResampleOptions& options) {
  Image result = Image::make(grid.size, moving.channels, options.is_label ? moving.type : PixelType::f32);
  result.geometry = grid.geometry;
  const AffineTransform place =
      compose(inverse_of(index_to_point(moving.geometry)), compose(grid_to_moving, index_to_point(grid.geometry)));
  visit_pixels(moving, [&](const auto* values) {
    using T = std::remove_cvref_t<decltype(*values)>;
    options.is_label ? resample_nearest<T>(moving, place, options, result) : resample_linear<T>(moving, place, options, result);
  });
  return result;
}

Image smooth(const Image& image, double sigma_mm, int threads) {
  Image result = convert(image, PixelType::f32);
  if (sigma_mm <= 0) return result;
  float* values = result.data<float>();
  const int64_t row = result.size[0] * result.channels;
  const int64_t slice = row * result.size[1];
  const auto kernel_of = [&](size_t axis) { return half_kernel(sigma_mm / result.geometry.spacing_mm[axis]); };
  if (result.size[0] > 1 || result.size[1] > 1) {
    const auto kernel_x = kernel_of(0), kernel_y = kernel_of(1);
    for_each_index(result.size[2], threads, [&](int64_t z) {
      float* start = values + z * slice;
      for (int64_t y = 0; y < result.size[1] && result.size[0] > 1; ++y) {
        convolve_lines(start + y * row, result.size[0], result.channels, result.channels, kernel_x);
      }
      if (result.size[1] > 1) convolve_lines(start, result.size[1], row, row, kernel_y);
    });
  }
  if (result.size[2] > 1) {
    const auto kernel_z = kernel_of(2);
    for_each_index(result.size[1], threads, [&](int64_t y) { convolve_lines(values + y * row, result.size[2], slice, row, kernel_z); });
  }
  return result;
}

}  // namespace larmor::imaging
