// Random changes of a training sample, keyed by (seed, epoch, case): the same for any number of threads.
//
// Order: horizontal flip, vertical flip, quarter turns, affine (one warp), brightness, contrast, gamma, noise. With affine_method
// `resize_rotate` the affine change comes first: the image is resized, then rotated, each with its own interpolation
// (datasets/resize_rotate.h), as in the LGG study.
// Ranges are [min, max]; a bare number is refused. Every step draws from its own key, so that switching one on or off leaves the
// draws of the others as they are.
#pragma once
#include <array>
#include <string>

#include "core/options.h"
#include "core/random.h"
#include "datasets/sample.h"

namespace larmor::datasets {

struct AugmentOptions {
  double flip_horizontal = 0;  ///< probability
  double flip_vertical = 0;
  double quarter_turns = 0;            ///< probability of a turn by 90, 180 or 270 degrees
  double affine = 0;                   ///< probability of one warp with the four ranges below
  std::string affine_method = "warp";  ///< warp | resize_rotate: scale, then rotation in two steps; knows neither shift nor shear
  std::array<double, 2> rotate_deg{-15, 15};
  std::array<double, 2> scale{0.95, 1.05};
  std::array<double, 2> shift{-0.0625, 0.0625};  ///< of the image's width and height
  std::array<double, 2> shear_deg{0, 0};
  double brightness = 0;                              ///< probability
  std::array<double, 2> brightness_range{-0.1, 0.1};  ///< added, as a part of the value range
  double contrast = 0;
  std::array<double, 2> contrast_range{0.9, 1.1};  ///< times the distance from the mean
  double gamma = 0;
  std::array<double, 2> gamma_range{0.8, 1.2};
  double noise = 0;
  std::array<double, 2> noise_sd{0, 0.05};  ///< as a part of the value range
};
OptionTable options_of(AugmentOptions& options);

/// Changes image and label together (image linear, labels by nearest neighbour, zero outside). Works on u8 (value range 0-255) and
/// f32 (0-1; values outside are clipped by brightness, contrast, gamma and noise). Positive angles turn counter-clockwise.
void augment(RawSample& sample, const AugmentOptions& options, RandomKey key);

/// The same from a constant sample into another one, whose memory is used again where its size fits.
void augment_into(const RawSample& sample, const AugmentOptions& options, RandomKey key, RawSample& result);

}  // namespace larmor::datasets
