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

double square(double value) { return value * value; }

/// The smaller of `best` and the least squared distance to the points of a row that is sqrt(base) away.
double least_in_row(const GridPoints& to, size_t row, int32_t x, double base, double spacing, double best) {
  const int32_t* first = to.columns.data() + to.rows[row];
  const int32_t* last = to.columns.data() + to.rows[row + 1];
  const int32_t* right = std::lower_bound(first, last, x);
  if (right != last) best = std::min(best, base + square(spacing * (*right - x)));
  if (right != first) best = std::min(best, base + square(spacing * (x - right[-1])));
  return best;
}

struct GridPoint {
  size_t index;  ///< among the points of its set
  int64_t x, y, z;
};

/// Squared distances from single points to a set.
class NearestPoint {
 public:
  NearestPoint(const GridPoints& to, const std::array<double, 3>& spacing) : to_(to), spacing_(spacing) {}

  /// The least squared distance below `limit`, or `limit`: row by row away from the point, as far as something nearer may lie.
  double search(const GridPoint& from, double limit) const {
    double best = limit;
    for (int64_t away = 0; square(spacing_[2] * static_cast<double>(away)) < best; ++away) {
      const int64_t below = from.z - away, above = from.z + away;
      if (below < 0 && above >= to_.size[2]) break;
      if (below >= 0) best = search_slice(from, below, best);
      if (away > 0 && above < to_.size[2]) best = search_slice(from, above, best);
    }
    return best;
  }

 private:
  double search_slice(const GridPoint& from, int64_t z, double best) const {
    const double base = square(spacing_[2] * static_cast<double>(z - from.z));
    const auto x = static_cast<int32_t>(from.x);
    for (int64_t away = 0;; ++away) {
      const double row_base = base + square(spacing_[1] * static_cast<double>(away));
      const int64_t before = from.y - away, after = from.y + away;
      if (row_base >= best || (before < 0 && after >= to_.size[1])) return best;
      const int64_t start = z * to_.size[1];
      if (before >= 0) best = least_in_row(to_, static_cast<size_t>(start + before), x, row_base, spacing_[0], best);
      if (away > 0 && after < to_.size[1]) best = least_in_row(to_, static_cast<size_t>(start + after), x, row_base, spacing_[0], best);
    }
  }

  const GridPoints& to_;
  const std::array<double, 3> spacing_;
};

/// A range of columns of the grid.
struct Columns {
  int64_t low = 0, high = 0;  ///< not included
  int64_t count() const { return high - low; }
};

/// Squared distances of a row's grid points, as far as they are in `columns`, to the points of that row.
void fill_row(const GridPoints& to, size_t row, const Columns& columns, double spacing, double* out) {
  const int64_t first = to.rows[row], last = to.rows[row + 1];
  if (first == last) {
    std::fill_n(out, columns.count(), kInfinity);
    return;
  }
  int64_t nearest = first;
  for (int64_t x = columns.low; x < columns.high; ++x) {
    const auto apart = [&](int64_t i) { return std::abs(x - to.columns[static_cast<size_t>(i)]); };
    while (nearest + 1 < last && apart(nearest + 1) < apart(nearest)) ++nearest;
    out[x - columns.low] = square(spacing * static_cast<double>(apart(nearest)));
  }
}

/// Squared distances to a set inside each slice, for all grid points in these columns.
std::vector<double> transform_slices(const GridPoints& to, const Columns& columns, const std::array<double, 3>& spacing, int threads) {
  const int64_t rows = to.size[1], depth = to.size[2];
  std::vector<double> squares(static_cast<size_t>(columns.count() * rows * depth));
  for_each_index(depth, threads, [&](int64_t z) {
    double* slice = squares.data() + z * columns.count() * rows;
    for (int64_t y = 0; y < rows; ++y) {
      fill_row(to, static_cast<size_t>(z * rows + y), columns, spacing[0], slice + y * columns.count());
    }
    Envelope room(static_cast<size_t>(rows));
    for (int64_t x = 0; x < columns.count() && rows > 1; ++x) transform_line(slice + x, rows, columns.count(), spacing[1], room);
  });
  return squares;
}

/// The least over all slices, from what transform_slices() found.
double least_over_slices(const std::vector<double>& squares, const Columns& columns, const GridPoint& from,
                         const std::array<int64_t, 3>& size, double spacing) {
  const int64_t slice = columns.count() * size[1];
  const double* column = squares.data() + from.y * columns.count() + from.x - columns.low;
  double best = column[from.z * slice];
  for (int64_t away = 1; away < size[2]; ++away) {
    const double base = square(spacing * static_cast<double>(away));
    if (base >= best) break;
    if (from.z >= away) best = std::min(best, base + column[(from.z - away) * slice]);
    if (from.z + away < size[2]) best = std::min(best, base + column[(from.z + away) * slice]);
  }
  return best;
}

/// Calls body(point) for the points of one slice.
template <class Body>
void for_each_point(const GridPoints& points, int64_t z, Body body) {
  for (int64_t y = 0; y < points.size[1]; ++y) {
    const auto row = static_cast<size_t>(z * points.size[1] + y);
    for (int64_t i = points.rows[row]; i < points.rows[row + 1]; ++i) {
      body(GridPoint{static_cast<size_t>(i), points.columns[static_cast<size_t>(i)], y, z});
    }
  }
}

/// How many rows a search looks at before the transform of the whole grid is the cheaper way, about (pi kReach² of them).
constexpr double kReach = 8;

}  // namespace

std::vector<double> squared_distances(const GridPoints& from, const GridPoints& to, const std::array<double, 3>& spacing, int threads) {
  LARMOR_ASSERT(from.size == to.size && from.rows.size() == to.rows.size());
  std::vector<double> squares(from.columns.size(), kInfinity);
  if (to.columns.empty()) return squares;
  const NearestPoint nearest(to, spacing);
  const double limit = square(kReach) * spacing[1] * (to.size[2] > 1 ? spacing[2] : spacing[1]);
  std::vector<std::vector<GridPoint>> far(static_cast<size_t>(from.size[2]));
  for_each_index(from.size[2], threads, [&](int64_t z) {
    for_each_point(from, z, [&](const GridPoint& point) {
      squares[point.index] = nearest.search(point, limit);
      if (squares[point.index] == limit) far[static_cast<size_t>(z)].push_back(point);
    });
  });
  int64_t count = 0;
  Columns columns{from.size[0], 0};
  for (const std::vector<GridPoint>& points : far) {
    count += static_cast<int64_t>(points.size());
    for (const GridPoint& point : points) columns = {std::min(columns.low, point.x), std::max(columns.high, point.x + 1)};
  }
  if (count == 0) return squares;
  const bool is_few = count < columns.count();  // to look at every row for each of them is less than to fill these columns
  const std::vector<double> in_slices = is_few ? std::vector<double>() : transform_slices(to, columns, spacing, threads);
  for_each_index(from.size[2], threads, [&](int64_t z) {
    for (const GridPoint& point : far[static_cast<size_t>(z)]) {
      squares[point.index] = is_few ? nearest.search(point, kInfinity) : least_over_slices(in_slices, columns, point, to.size, spacing[2]);
    }
  });
  return squares;
}

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
