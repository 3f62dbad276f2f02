// PNG in memory, through libpng.
//
// The chunks are checked by code of ours first: lengths, order of the first, kind, size, an end. Checksums are libpng's business.
// Palettes become RGB, grey of 1, 2 and 4 bits is scaled to 0-255, alpha and transparent colours are dropped, gamma is left alone.
// Source: Portable Network Graphics specification, second edition (ISO/IEC 15948:2003).
#pragma once
#include <string>

#include "imaging/stored.h"

namespace larmor::imaging {

/// Both: Error (data) for what is not PNG, cut off or damaged, in one line that names it.
ImageHeader read_png_header(const FileBytes& file);
Image read_png(const FileBytes& file);

}  // namespace larmor::imaging
