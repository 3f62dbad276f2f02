#include "imaging/io.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "core/error.h"
#include "core/files.h"
#include "imaging/draw.h"
#include "imaging/nifti.h"
#include "imaging/nrrd.h"
#include "imaging/png.h"
#include "imaging/tiff.h"

namespace larmor::imaging {

namespace fs = std::filesystem;

namespace {

enum class Format { unknown, tiff, png, nifti, nifti_gz, nrrd };

struct Extension {
  const char* text;
  Format format;
};
constexpr Extension kExtensions[] = {
    {".tif", Format::tiff},        {".tiff", Format::tiff}, {".png", Format::png},   {".nii", Format::nifti},
    {".nii.gz", Format::nifti_gz}, {".nrrd", Format::nrrd}, {".nhdr", Format::nrrd},
};

Format format_of(const fs::path& file) {
  std::string name = file.filename().string();
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  for (const Extension& extension : kExtensions) {
    if (name.ends_with(extension.text) && name != extension.text) return extension.format;
  }
  return Format::unknown;
}

std::string unknown_format(const fs::path& file) {
  return fmt::format("{}: unknown image format; allowed: {}", file.string(), known_extensions());
}

/// The format by name, once the file is known to be one that is not empty.
Format readable_format(const fs::path& file, size_t size) {
  const Format format = format_of(file);
  if (format == Format::unknown) throw_data_error(unknown_format(file));
  if (size == 0) throw_data_error(fmt::format("{}: is empty", file.string()));
  return format;
}

/// Where the voxels of a detached header are.
fs::path folder_of(const fs::path& file) { return file.has_parent_path() ? file.parent_path() : "."; }

void check_png(const fs::path& file, const Image& image) {
  const bool is_type = image.type == PixelType::u8 || image.type == PixelType::u16;
  if (is_type && image.depth() == 1 && (image.channels == 1 || image.channels == 3)) return;
  throw_usage_error(
      fmt::format("{}: PNG holds one slice of u8 or u16 with 1 or 3 channels, not {} slices of {} with {}; write .nii.gz or .tif",
                  file.string(), image.depth(), to_string(image.type), image.channels));
}

void check_tiff(const fs::path& file, const Image& image) {
  constexpr int64_t kMost = 65535;
  if (image.depth() <= kMost && image.channels <= kMost) return;
  throw_usage_error(
      fmt::format("{}: TIFF holds at most {} slices and channels, not {} and {}", file.string(), kMost, image.depth(), image.channels));
}

}  // namespace

ImageHeader read_header(const fs::path& file) {
  const MappedFile map(file);
  const FileBytes bytes{map.bytes(), file.string()};
  switch (readable_format(file, bytes.bytes.size())) {
    case Format::tiff:
      return read_tiff_header(bytes);
    case Format::png:
      return read_png_header(bytes);
    case Format::nifti:
      return read_nifti_header(bytes, false);
    case Format::nifti_gz:
      return read_nifti_header(bytes, true);
    case Format::nrrd:
      return read_nrrd_header(bytes, folder_of(file));
    case Format::unknown:
      break;
  }
  return {};
}

Image read_image(const fs::path& file) {
  const std::string content = read_file(file);  // not mapped: a file that shrinks while it is read must not end the program
  const FileBytes bytes{std::as_bytes(std::span(content)), file.string()};
  switch (readable_format(file, content.size())) {
    case Format::tiff:
      return read_tiff(bytes);
    case Format::png:
      return read_png(bytes);
    case Format::nifti:
      return read_nifti(bytes, false);
    case Format::nifti_gz:
      return read_nifti(bytes, true);
    case Format::nrrd:
      return read_nrrd(bytes, folder_of(file));
    case Format::unknown:
      break;
  }
  return {};
}

void write_image(const fs::path& file, const Image& image) {
  LARMOR_ASSERT(image.elements() > 0 && image.bytes.size() == static_cast<size_t>(image.elements()) * size_of(image.type));
  switch (format_of(file)) {
    case Format::tiff:
      check_tiff(file, image);
      return write_file_atomically(file, encode_tiff(image));
    case Format::png:
      check_png(file, image);
      return write_file_atomically(file, encode_png(image));
    case Format::nifti:
      return write_nifti(file, image, false);
    case Format::nifti_gz:
      return write_nifti(file, image, true);
    case Format::nrrd:
      return write_nrrd(file, image);
    case Format::unknown:
      throw_usage_error(unknown_format(file));
  }
}

std::string known_extensions() {
  std::string all;
  for (const Extension& extension : kExtensions) all += fmt::format("{}{}", all.empty() ? "" : ", ", extension.text);
  return all;
}

bool has_known_extension(const fs::path& file) { return format_of(file) != Format::unknown; }

}  // namespace larmor::imaging
