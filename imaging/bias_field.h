// N4 bias field correction (Tustison et al., IEEE TMI 29, 2010) through ITK 5: an optional step before intensities are compared.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "imaging/image.h"

namespace larmor::imaging {

struct BiasFieldOptions {
  int64_t shrink = 4;                           ///< the fit uses every 4th voxel along an axis, but at least 32 voxels of it
  std::vector<int64_t> iterations{50, 50, 30};  ///< of each level; each level doubles the control points
  double convergence = 1e-3;
  double fwhm = 0.15;  ///< of the deconvolution kernel, in log intensity
};

/// The volume divided by its smooth field, as f32 on the same grid. The fit sees voxels brighter than a tenth of the 99th percentile, and
/// the field's mean logarithm over them is 0, so that the overall brightness stays. Error (data): several channels, fewer than 4 voxels
/// along an axis, no bright voxel, or a fit that ITK gives up.
Image correct_bias_field(const Image& volume, const BiasFieldOptions& options = {}, const std::string& name = "volume");

}  // namespace larmor::imaging
