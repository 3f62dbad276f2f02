// Exact Euclidean distance transform of a binary volume in linear time, with anisotropic voxels.
//
// Along each axis in turn the lower envelope of parabolas is taken (Felzenszwalb & Huttenlocher, Theory of Computing 8, 2012), in double.
// Between two sets of points, as surfaces are, only the distances asked for are computed.
#pragma once
#include <array>
#include <cstdint>
#include <vector>

#include "imaging/image.h"

namespace larmor::imaging {

/// For every voxel, in memory order, the distance of its centre to the nearest voxel that is not 0: mm where the geometry has a
/// spacing (else voxels); infinity everywhere for an empty mask. One channel of u8 (assertion). The same for any number of threads.
std::vector<float> distance_to_mask(const Image& mask, int threads = 1);
/// The squares of these, before rounding to float.
std::vector<double> squared_distance_to_mask(const Image& mask, int threads = 1);

/// Points of a grid by its rows along x: `columns` holds their x, row after row, ascending inside a row; those of row y + size[1] z are
/// columns[rows[r]] to columns[rows[r + 1] - 1], so that `rows` has size[1] size[2] + 1 elements.
struct GridPoints {
  std::array<int64_t, 3> size{0, 0, 0};  ///< of the grid: x, y, z
  std::vector<int32_t> columns;
  std::vector<int64_t> rows;
};
/// For every point of `from`, in its order, the squared distance to the nearest of `to`; infinity where `to` has none. Both stand on one
/// grid with `spacing` between its points (assertion). Time is linear in the size of the grid, and in the number of points where the
/// two sets lie close to each other. The same for any number of threads.
std::vector<double> squared_distances(const GridPoints& from, const GridPoints& to, const std::array<double, 3>& spacing, int threads = 1);

}  // namespace larmor::imaging
