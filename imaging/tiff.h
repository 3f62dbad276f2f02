// TIFF and BigTIFF in memory. Several pages of one size are the slices of a volume.
//
// The directory is checked by code of ours before any voxel is touched: every offset, size and number of strips or tiles.
// Uncompressed voxels are copied straight from the file; libtiff decodes LZW, Deflate and PackBits (with predictors).
// Read: grey or RGB, 8 to 64 bits, integers or floats, strips or tiles, chunky or planar, both byte orders. MinIsWhite is inverted,
// alpha is dropped. No geometry: the resolution tags of TIFF are about paper.
// Source: TIFF revision 6.0 (1992); TIFF technical note 3; BigTIFF proposal.
#pragma once
#include <string>

#include "imaging/stored.h"

namespace larmor::imaging {

/// Both: Error (data) for what is not TIFF, cut off, damaged or of an unsupported kind, in one line that names it.
ImageHeader read_tiff_header(const FileBytes& file);
Image read_tiff(const FileBytes& file);

/// Uncompressed, little-endian; slices as pages; 3 channels of u8 or u16 as RGB, else grey with extra samples.
std::string encode_tiff(const Image& image);

}  // namespace larmor::imaging
