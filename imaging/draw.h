// Pictures for reports: contours over slices, contact sheets, PNG as bytes.
#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "imaging/image.h"

namespace larmor::imaging {

using Colour = std::array<uint8_t, 3>;
inline constexpr Colour kTruthColour{255, 255, 255};    ///< truth is white
inline constexpr Colour kPredictionColour{230, 97, 0};  ///< prediction: orange, told apart by all colour vision types

/// Any 2-D image as 8-bit RGB: u8 values as they are, other types scaled from the 0.5-99.5 percentile range of what is shown.
/// Of three and more channels the first three are shown, of one or two the first, as grey.
Image to_rgb(const Image& image);
/// Draws the outline of a 2-D u8 mask (non-zero = inside) on an RGB image of the same size: the `thickness` outermost layers of
/// inside pixels, so nothing outside of the mask is ever covered.
void draw_contour(Image& rgb, const Image& mask, Colour colour, int thickness = 1);
struct LegendLine {
  Colour colour;
  std::string text;
};
/// The picture with a strip below that names the colours, side by side; it grows in height alone.
Image with_legend(const Image& rgb, const std::vector<LegendLine>& lines);
/// Tiles RGB images of one size (at least one) into rows of `columns`, with a caption under each (`captions` may be empty).
/// A caption is shrunk, then cut to the tile; letters outside of ASCII become "?".
Image contact_sheet(const std::vector<Image>& tiles, const std::vector<std::string>& captions, int64_t columns);
/// A 2-D u8 or u16 image of 1 (grey) or 3 channels (RGB) as a PNG file in memory (for data: addresses in reports).
std::string encode_png(const Image& image);

}  // namespace larmor::imaging
