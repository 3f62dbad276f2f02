#include "imaging/orient.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace larmor::imaging {

namespace {

double direction_at(const Geometry& geometry, int row, int column) {
  return geometry.direction[static_cast<size_t>(row) * 3 + static_cast<size_t>(column)];
}

AxisOrder inverse_of(const AxisOrder& order) {
  AxisOrder inverse;
  for (int j = 0; j < 3; ++j) {
    const auto k = static_cast<size_t>(order.source[static_cast<size_t>(j)]);
    inverse.source[k] = j;
    inverse.flipped[k] = order.flipped[static_cast<size_t>(j)];
  }
  return inverse;
}

Geometry reorder_geometry(const Geometry& geometry, const std::array<int64_t, 3>& size, const AxisOrder& order) {
  Geometry turned = geometry;
  for (size_t j = 0; j < 3; ++j) {
    const int k = order.source[j];
    const double spacing = geometry.spacing_mm[static_cast<size_t>(k)];
    const double last = static_cast<double>(size[static_cast<size_t>(k)] - 1);
    turned.spacing_mm[j] = spacing;
    for (int row = 0; row < 3; ++row) {
      const double step = direction_at(geometry, row, k);
      turned.direction[static_cast<size_t>(3 * row) + j] = order.flipped[j] ? -step : step;
      if (order.flipped[j]) turned.origin_mm[static_cast<size_t>(row)] += step * spacing * last;
    }
  }
  return turned;
}

}  // namespace

AxisOrder order_to_lps(const Geometry& geometry) {
  std::array<int, 3> best{0, 1, 2}, candidate{0, 1, 2};
  double best_sum = -1;
  do {
    double sum = 0;
    for (int j = 0; j < 3; ++j) sum += std::abs(direction_at(geometry, j, candidate[static_cast<size_t>(j)]));
    if (sum > best_sum + 1e-9) {
      best_sum = sum;
      best = candidate;
    }
  } while (std::next_permutation(candidate.begin(), candidate.end()));
  AxisOrder order{best, {}};
  for (int j = 0; j < 3; ++j) order.flipped[static_cast<size_t>(j)] = direction_at(geometry, j, best[static_cast<size_t>(j)]) < 0;
  return order;
}

Image reorder_axes(const Image& image, const AxisOrder& order) {
  std::array<int64_t, 3> size{};
  for (size_t j = 0; j < 3; ++j) size[j] = image.size[static_cast<size_t>(order.source[j])];
  Image turned = Image::make(size, image.channels, image.type);
  turned.geometry = reorder_geometry(image.geometry, image.size, order);
  const size_t voxel = size_of(image.type) * static_cast<size_t>(image.channels);
  const std::array<int64_t, 3> stride = {1, image.size[0], image.size[0] * image.size[1]};
  int64_t start = 0;
  std::array<int64_t, 3> step{};
  for (size_t j = 0; j < 3; ++j) {
    const int64_t along = stride[static_cast<size_t>(order.source[j])];
    step[j] = order.flipped[j] ? -along : along;
    if (order.flipped[j]) start += along * (size[j] - 1);
  }
  std::byte* out = turned.bytes.data();
  for (int64_t z = 0; z < size[2]; ++z) {
    for (int64_t y = 0; y < size[1]; ++y) {
      for (int64_t x = 0; x < size[0]; ++x, out += voxel) {
        const int64_t from = start + x * step[0] + y * step[1] + z * step[2];
        std::memcpy(out, image.bytes.data() + static_cast<size_t>(from) * voxel, voxel);
      }
    }
  }
  return turned;
}

Image restore_axes(const Image& image, const AxisOrder& order) { return reorder_axes(image, inverse_of(order)); }

}  // namespace larmor::imaging
