// Changes of a map's size between layers, with the arithmetic of torch.nn.functional.interpolate.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

namespace larmor::models {

/// Bilinear between the centres of the corner pixels (align_corners = true).
at::Tensor upsample_bilinear_aligned(const at::Tensor& x, int64_t height, int64_t width);

/// nearest, nearest-exact, bilinear, bicubic, area; bilinear and bicubic with align_corners = false.
const std::vector<std::string>& interpolation_modes();
at::Tensor interpolate(const at::Tensor& x, int64_t height, int64_t width, const std::string& mode);

}  // namespace larmor::models
