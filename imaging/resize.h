// Resampling of 2-D images (OpenCV imgproc).
#pragma once
#include <cstdint>

#include "imaging/image.h"

namespace larmor::imaging {

enum class Interpolation { nearest, linear, area };

/// 2-D only. Pixel centres are aligned as OpenCV and PyTorch (align_corners = false) do.
Image resize(const Image& image, int64_t width, int64_t height, Interpolation interpolation);
/// Pads with zeros (floor before, ceil after) to width × height; never crops (assertion).
Image pad_to(const Image& image, int64_t width, int64_t height);
/// The centred width × height window: the inverse of pad_to.
Image crop_centre(const Image& image, int64_t width, int64_t height);

}  // namespace larmor::imaging
