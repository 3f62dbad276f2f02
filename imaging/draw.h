// Pictures for reports: contours over slices, contact sheets, PNG as bytes.
#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "imaging/image.h"

namespace larmor::imaging {

using Colour = std::array<uint8_t, 3>;
inline constexpr Colour kTruthColour{255, 255, 255};      ///< truth is white
inline constexpr Colour kPredictionColour{230, 97, 0};    ///< prediction: orange, told apart by all colour vision types

/// Any 2-D image as 8-bit RGB: u8 RGB as it is, one channel repeated, other types scaled from the 0.5-99.5 percentile range.
Image to_rgb(const Image& image);
/// Draws the outline of a 2-D u8 mask (non-zero = inside) on an RGB image of the same size.
void draw_contour(Image& rgb, const Image& mask, Colour colour, int thickness = 1);
/// Tiles RGB images of one size into rows of `columns`, with a caption under each (may be empty).
Image contact_sheet(const std::vector<Image>& tiles, const std::vector<std::string>& captions, int64_t columns);
/// The image as a PNG file in memory (for data: addresses in reports).
std::string encode_png(const Image& rgb);

}  // namespace larmor::imaging
