// Resampling by B-splines as scipy.ndimage.map_coordinates does it, for recipes that must repeat the images of a Python script.
// The results carry no geometry.
#pragma once
#include <cstdint>

#include "imaging/image.h"

namespace larmor::imaging {

/// 2-D u8 or f32 images, channels apart. Pixel centres are aligned: output k lies at (k + 1/2) · old/new - 1/2. What lies outside of the
/// first and last pixel's centres is 0 (mode "constant"), so a magnified image has a black rim; nothing is smoothed before shrinking.

/// Order 2: the quadratic spline through the pixels, mirrored about the outermost ones; computed in double, given as f32. Values may
/// leave the image's range.
Image resize_quadratic(const Image& image, int64_t width, int64_t height);
/// Order 0: the nearest pixel, halves to the higher; keeps the type.
Image resize_nearest(const Image& image, int64_t width, int64_t height);

}  // namespace larmor::imaging
