// Resampling of volumes onto another grid, and Gaussian smoothing before a coarser one.
#pragma once
#include <array>
#include <cstdint>

#include "imaging/image.h"
#include "imaging/transform.h"

namespace larmor::imaging {

/// Where the voxels of a result are.
struct Grid {
  std::array<int64_t, 3> size{0, 0, 0};
  Geometry geometry;
};
Grid grid_of(const Image& image);

struct ResampleOptions {
  bool is_label = false;  ///< nearest voxel and the same pixel type, instead of linear interpolation and f32
  double outside = 0;     ///< the value where the moving image has no voxel
  int threads = 1;
};

/// `moving` seen on `grid` through a transform that maps points of the grid to points of `moving`, which must be invertible. An image ends
/// half a voxel beyond its outermost voxel centres, as in ITK; between centre and end the outermost value holds. Linear interpolation
/// onto voxels much larger than those of `moving` picks single values: smooth first. The same result for any number of threads.
Image resample(const Image& moving, const Grid& grid, const AffineTransform& grid_to_moving, const ResampleOptions& options = {});

/// Convolves with a Gaussian of this standard deviation along each axis (values beyond the border: the outermost one), as f32.
/// The kernel holds its integrals over voxels up to four standard deviations; axes of one voxel and sigma 0 are left alone.
Image smooth(const Image& image, double sigma_mm, int threads = 1);

}  // namespace larmor::imaging
