// Axis order: volumes turned so that their slices are axial, and back, without touching a value.
#pragma once
#include <array>

#include "imaging/image.h"

namespace larmor::imaging {

/// A permutation of the axes with flips: axis j of the turned volume is axis `source[j]` of the original, backwards where `flipped[j]`.
struct AxisOrder {
  std::array<int, 3> source{0, 1, 2};
  std::array<bool, 3> flipped{false, false, false};
  bool operator==(const AxisOrder&) const = default;
};

/// The order that brings a volume nearest to LPS: x to the patient's left, y to posterior, z (slices, axial) to superior.
/// Oblique volumes keep their obliqueness: only axes are exchanged.
AxisOrder order_to_lps(const Geometry& geometry);

/// Turns voxels and geometry together, so that every voxel keeps its place in space.
Image reorder_axes(const Image& image, const AxisOrder& order);
/// Exactly undoes reorder_axes with the same order.
Image restore_axes(const Image& image, const AxisOrder& order);

}  // namespace larmor::imaging
