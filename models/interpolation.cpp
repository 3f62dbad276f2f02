#include "models/interpolation.h"

#include <ATen/ATen.h>

#include "core/error.h"

namespace larmor::models {

at::Tensor upsample_bilinear_aligned(const at::Tensor& x, int64_t height, int64_t width) {
  return at::upsample_bilinear2d(x, {height, width}, /*align_corners=*/true);
}

const std::vector<std::string>& interpolation_modes() {
  static const std::vector<std::string> modes = {"nearest", "nearest-exact", "bilinear", "bicubic", "area"};
  return modes;
}

at::Tensor interpolate(const at::Tensor& x, int64_t height, int64_t width, const std::string& mode) {
  const std::vector<int64_t> size = {height, width};
  if (mode == "nearest") return at::upsample_nearest2d(x, size);
  if (mode == "nearest-exact") return at::_upsample_nearest_exact2d(x, size);
  if (mode == "bilinear") return at::upsample_bilinear2d(x, size, /*align_corners=*/false);
  if (mode == "bicubic") return at::upsample_bicubic2d(x, size, /*align_corners=*/false);
  LARMOR_ASSERT(mode == "area");
  return at::adaptive_avg_pool2d(x, size);
}

}  // namespace larmor::models
