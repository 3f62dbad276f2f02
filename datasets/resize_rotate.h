// The two steps by which the LGG study's training changes a slice, each with an interpolation of its own as in scikit-image (`rescale`,
// `rotate`): not the same pixels as one warp with both.
#pragma once
#include "imaging/image.h"

namespace larmor::datasets {

enum class Sampling { nearest, linear };

/// Resizes a square 2-D u8 or f32 image to round(scale · side) pixels (halves to even), then pads with zeros (floor before, ceil after)
/// or cuts around the centre to the side it had. Pixel centres are aligned; outside of the image all is 0.
imaging::Image rescale_in_place(const imaging::Image& image, double scale, Sampling sampling);
/// Turns about the centre, counter-clockwise for positive angles; outside of the image all is 0.
imaging::Image rotate_in_place(const imaging::Image& image, double angle_deg, Sampling sampling);

}  // namespace larmor::datasets
