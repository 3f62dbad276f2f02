#include "imaging/distance.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/error.h"
#include "imaging/threads.h"

namespace larmor::imaging {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// Room for one line; kept over the lines of a slice.
struct Envelope {
  explicit Envelope(size_t count) : values(count), vertices(count), borders(count + 1) {}
  std::vector<double> values;
  std::vector<int64_t> vertices;  ///< of the parabolas that are lowest somewhere
  std::vector<double> borders;    ///< parabola k is lowest from borders[k] to borders[k+1]
};

/// min over q of line[q] + (spacing (p - q))², for each p, in place; elements are `step` apart.
void transform_line(double* line, int64_t count, int64_t step, double spacing, Envelope& room) {
  const double squared = spacing * spacing;
  int64_t last = -1;
  for (int64_t q = 0; q < count; ++q) {
    const double value = line[q * step];
    room.values[static_cast<size_t>(q)] = value;
    if (value == kInfinity) continue;
    double border = -kInfinity;
    while (last >= 0) {
      const int64_t v = room.vertices[static_cast<size_t>(last)];
      const auto x = static_cast<double>(q), y = static_cast<double>(v);
      border = ((value - room.values[static_cast<size_t>(v)]) / squared + x * x - y * y) / (2 * (x - y));
      if (border > room.borders[static_cast<size_t>(last)]) break;
      --last;
      border = -kInfinity;
    }
    ++last;
    room.vertices[static_cast<size_t>(last)] = q;
    room.borders[static_cast<size_t>(last)] = border;
  }
  if (last < 0) return;
  room.borders[static_cast<size_t>(last) + 1] = kInfinity;
  size_t k = 0;
  for (int64_t p = 0; p < count; ++p) {
    while (room.borders[k + 1] < static_cast<double>(p)) ++k;
    const auto apart = static_cast<double>(p - room.vertices[k]);
    line[p * step] = squared * apart * apart + room.values[static_cast<size_t>(room.vertices[k])];
  }
}

}  // namespace

std::vector<double> squared_distance_to_mask(const Image& mask, int threads) {
  LARMOR_ASSERT(mask.type == PixelType::u8 && mask.channels == 1);
  const auto [width, height, depth] = mask.size;
  const auto& geometry = mask.geometry;
  const auto spacing = [&](size_t axis) { return geometry.has_spacing ? geometry.spacing_mm[axis] : 1.0; };
  std::vector<double> squares(static_cast<size_t>(mask.voxels()));
  const uint8_t* inside = mask.data<uint8_t>();
  double* out = squares.data();
  const int64_t row = width, slice = width * height;
  const int64_t columns = width, rows = height, slices = depth;
  for_each_index(slices, threads, [&, columns, rows](int64_t z) {
    double* start = out + z * slice;
    for (int64_t i = 0; i < slice; ++i) start[i] = inside[z * slice + i] != 0 ? 0 : kInfinity;
    Envelope room(static_cast<size_t>(std::max(columns, rows)));
    for (int64_t y = 0; y < rows; ++y) transform_line(start + y * row, columns, 1, spacing(0), room);
    for (int64_t x = 0; x < columns && rows > 1; ++x) transform_line(start + x, rows, row, spacing(1), room);
  });
  if (slices > 1) {
    for_each_index(rows, threads, [&, columns, slices](int64_t y) {
      Envelope room(static_cast<size_t>(slices));
      for (int64_t x = 0; x < columns; ++x) transform_line(out + y * row + x, slices, slice, spacing(2), room);
    });
  }
  return squares;
}

std::vector<float> distance_to_mask(const Image& mask, int threads) {
  const std::vector<double> squares = squared_distance_to_mask(mask, threads);
  std::vector<float> distances;
  distances.reserve(squares.size());
  for (const double square : squares) distances.push_back(static_cast<float>(std::sqrt(square)));
  return distances;
}

}  // namespace larmor::imaging
