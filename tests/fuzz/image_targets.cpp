#include "tests/fuzz/image_targets.h"

#include "imaging/dicom_pixels.h"
#include "imaging/draw.h"
#include "imaging/nifti.h"
#include "imaging/nrrd.h"
#include "imaging/png.h"
#include "imaging/tiff.h"
#include "imaging/transform.h"
#include "tests/fuzz/parse_or_refuse.h"

namespace larmor::testing {

namespace {

using namespace imaging;  // NOLINT(google-build-using-namespace): all of it is under test

void check_promise(const ImageHeader& header, const Image& image) {
  LARMOR_ASSERT(header.size == image.size && header.channels == image.channels && header.type == image.type);
  LARMOR_ASSERT(image.bytes.size() == static_cast<size_t>(image.elements()) * size_of(image.type));
}

FileBytes file_of(const std::string& content) { return {std::as_bytes(std::span(content)), "written"}; }

}  // namespace

void fuzz_tiff(std::span<const std::byte> bytes) {
  parse_or_refuse(ErrorKind::data, [&] {
    const FileBytes file{bytes, "input"};
    const Image image = read_tiff(file);
    check_promise(read_tiff_header(file), image);
    LARMOR_ASSERT(read_tiff(file_of(encode_tiff(image))).bytes == image.bytes);
  });
}

void fuzz_png(std::span<const std::byte> bytes) {
  parse_or_refuse(ErrorKind::data, [&] {
    const FileBytes file{bytes, "input"};
    const Image image = read_png(file);
    check_promise(read_png_header(file), image);
    LARMOR_ASSERT(read_png(file_of(encode_png(image))).bytes == image.bytes);
  });
}

void fuzz_nifti(std::span<const std::byte> bytes) {
  parse_or_refuse(ErrorKind::data, [&] {
    const bool is_gzipped = bytes.size() >= 2 && bytes[0] == std::byte{0x1F} && bytes[1] == std::byte{0x8B};
    const FileBytes file{bytes, "input"};
    const Image image = read_nifti(file, is_gzipped);
    const ImageHeader header = read_nifti_header(file, is_gzipped);
    check_promise(header, image);
    LARMOR_ASSERT(header.geometry == image.geometry);
    for (const double spacing : image.geometry.spacing_mm) LARMOR_ASSERT(spacing > 0);
  });
}

void fuzz_dicom(std::span<const std::byte> bytes) {
  parse_or_refuse(ErrorKind::data, [&] {
    const FileBytes file{bytes, "input"};
    const DicomFile dicom = parse_dicom(file);
    const DicomPixelLayout layout = dicom_pixel_layout(dicom.data, file.name);
    LARMOR_ASSERT(decode_dicom_pixels(dicom, file, layout).size() == layout.frame_bytes() * static_cast<size_t>(layout.frames));
  });
}

void fuzz_nrrd(std::span<const std::byte> bytes) {
  parse_or_refuse(ErrorKind::data, [&] {
    const FileBytes file{bytes, "input"};
    const Image image = read_nrrd(file, "");
    const ImageHeader header = read_nrrd_header(file, "");
    check_promise(header, image);
    LARMOR_ASSERT(header.geometry == image.geometry);
    for (const double spacing : image.geometry.spacing_mm) LARMOR_ASSERT(spacing > 0);
  });
}

void fuzz_transform(std::span<const std::byte> bytes) {
  parse_or_refuse(ErrorKind::data, [&] {
    const std::string text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    const AffineTransform transform = parse_transform(text, "input");
    parse_transform(format_transform(transform), "written");
  });
}

}  // namespace larmor::testing
