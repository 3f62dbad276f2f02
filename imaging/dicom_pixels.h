// The pixels of one DICOM file, decoded.
#pragma once
#include "imaging/dicom_file.h"

namespace larmor::imaging {

struct DicomPixelLayout {
  int64_t width = 0, height = 0, frames = 1;
  StoredType type = StoredType::u16;
  int bits_stored = 16;

  size_t frame_bytes() const { return static_cast<size_t>(width * height) * size_of(type); }
};

/// From the header; Error (data) for colours, several samples, unusual bit layouts and absurd sizes.
DicomPixelLayout dicom_pixel_layout(const DicomDataSet& data, const std::string& name);

/// All frames one after another in this machine's byte order; unused high bits are cleared or filled with the sign.
/// Error (data): cut off, damaged, or a code stream of another size than the header's.
std::vector<std::byte> decode_dicom_pixels(const DicomFile& dicom, const FileBytes& file, const DicomPixelLayout& layout);

}  // namespace larmor::imaging
