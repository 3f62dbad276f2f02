// Exact Euclidean distance transform of a binary volume in linear time, with anisotropic voxels.
//
// Along each axis in turn the lower envelope of parabolas is taken (Felzenszwalb & Huttenlocher, Theory of Computing 8, 2012), in double.
#pragma once
#include <vector>

#include "imaging/image.h"

namespace larmor::imaging {

/// For every voxel, in memory order, the distance of its centre to the nearest voxel that is not 0: mm where the geometry has a
/// spacing (else voxels); infinity everywhere for an empty mask. One channel of u8 (assertion). The same for any number of threads.
std::vector<float> distance_to_mask(const Image& mask, int threads = 1);
/// The squares of these, before rounding to float.
std::vector<double> squared_distance_to_mask(const Image& mask, int threads = 1);

}  // namespace larmor::imaging
