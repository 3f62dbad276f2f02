#include "imaging/png.h"

#include <fmt/format.h>
#include <png.h>

#include <algorithm>
#include <array>
#include <csetjmp>
#include <cstring>

#include "core/error.h"
#include "imaging/draw.h"

namespace larmor::imaging {

namespace {

constexpr std::array<uint8_t, 8> kSignature = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};
constexpr uint64_t kLargestRatio = 1040;  // of Deflate: no byte of it becomes more bytes than this

struct Kind {
  uint32_t width = 0;
  uint32_t height = 0;
  uint8_t bits = 0;
  uint8_t colour = 0;
  int64_t channels() const { return (colour & PNG_COLOR_MASK_COLOR) != 0 ? 3 : 1; }
  int64_t stored_channels() const {
    return colour == PNG_COLOR_TYPE_PALETTE ? 1 : channels() + ((colour & PNG_COLOR_MASK_ALPHA) != 0 ? 1 : 0);
  }
};

/// Bits allowed per colour type (section 11.2.2 of the specification).
bool is_allowed(uint8_t colour, uint8_t bits) {
  const bool is_power = bits == 1 || bits == 2 || bits == 4 || bits == 8 || bits == 16;
  switch (colour) {
    case PNG_COLOR_TYPE_GRAY:
      return is_power;
    case PNG_COLOR_TYPE_PALETTE:
      return is_power && bits <= 8;
    case PNG_COLOR_TYPE_RGB:
    case PNG_COLOR_TYPE_GRAY_ALPHA:
    case PNG_COLOR_TYPE_RGB_ALPHA:
      return bits == 8 || bits == 16;
    default:
      return false;
  }
}

Kind read_kind(const ByteReader& reader) {
  const FileBytes& file = reader.file();
  if (reader.u32(8) != 13 || std::memcmp(reader.range(12, 4).data(), "IHDR", 4) != 0) throw_damaged(file.name, "its PNG header is damaged");
  Kind kind{reader.u32(16), reader.u32(20), static_cast<uint8_t>(reader.number(24, 1)), static_cast<uint8_t>(reader.number(25, 1))};
  if (!is_allowed(kind.colour, kind.bits)) {
    throw_damaged(file.name, fmt::format("its PNG header is damaged: {} bits of colour type {}", kind.bits, kind.colour));
  }
  check_size(file.name, {kind.width, kind.height, 1}, kind.channels());
  return kind;
}

/// Walks all chunks. Throws where the file is not a whole PNG or promises more pixels than its data can hold.
Kind check_png(const FileBytes& file) {
  const ByteReader reader(file, true);
  const auto start = file.bytes.first(std::min(file.bytes.size(), kSignature.size()));
  const bool is_png = std::equal(start.begin(), start.end(), kSignature.begin(), [](std::byte a, uint8_t b) { return a == std::byte{b}; });
  if (!is_png) throw_damaged(file.name, "is not a PNG file");
  const Kind kind = read_kind(reader);
  uint64_t compressed = 0;
  for (uint64_t offset = kSignature.size();;) {
    const uint64_t length = reader.u32(offset);
    const auto name = reader.range(offset + 4, 4);
    reader.range(offset + 8, length + 4);
    if (std::memcmp(name.data(), "IDAT", 4) == 0) compressed += length;
    if (std::memcmp(name.data(), "IEND", 4) == 0) break;
    offset += length + 12;
  }
  const uint64_t needed = (uint64_t{kind.width} * kind.bits * static_cast<uint64_t>(kind.stored_channels()) + 7) / 8 * kind.height;
  if (needed > compressed * kLargestRatio) {
    throw_damaged(file.name, fmt::format("its {} bytes of pixel data cannot hold {} x {} pixels", compressed, kind.width, kind.height));
  }
  return kind;
}

ImageHeader header_of(const Kind& kind) {
  ImageHeader header;
  header.size = {kind.width, kind.height, 1};
  header.channels = kind.channels();
  header.type = kind.bits == 16 ? PixelType::u16 : PixelType::u8;
  return header;
}

/// libpng's error function must not return; the message is replaced by ours.
[[noreturn]] void jump_back(png_structp png, png_const_charp) { png_longjmp(png, 1); }
void ignore_warning(png_structp, png_const_charp) {}

struct Source {
  std::span<const std::byte> left;
};

void read_memory(png_structp png, png_bytep target, size_t size) {
  auto& source = *static_cast<Source*>(png_get_io_ptr(png));
  if (size > source.left.size()) png_error(png, "end of file");
  std::memcpy(target, source.left.data(), size);
  source.left = source.left.subspan(size);
}

/// Decodes into `rows`. Only plain pointers live here, because errors leave by longjmp. False: damaged.
bool decode(png_structp png, png_infop info, Source* source, png_bytepp rows, size_t row_bytes) {
  if (setjmp(png_jmpbuf(png)) != 0) return false;
  png_set_read_fn(png, source, read_memory);
  png_set_user_limits(png, 0x7fffffff, 0x7fffffff);
  png_read_info(png, info);
  png_set_expand(png);
  png_set_strip_alpha(png);
  png_set_swap(png);
  png_set_interlace_handling(png);
  png_read_update_info(png, info);
  if (png_get_rowbytes(png, info) != row_bytes) return false;
  png_read_image(png, rows);
  png_read_end(png, nullptr);
  return true;
}

struct Target {
  std::string content;
  bool is_full = false;
};

void write_memory(png_structp png, png_bytep data, size_t size) {
  auto& target = *static_cast<Target*>(png_get_io_ptr(png));
  try {
    target.content.append(reinterpret_cast<const char*>(data), size);
  } catch (const std::bad_alloc&) {
    target.is_full = true;
  }
  if (target.is_full) png_error(png, "out of memory");
}

void flush_memory(png_structp) {}

bool encode(png_structp png, png_infop info, Target* target, png_bytepp rows, const Image* image) {
  if (setjmp(png_jmpbuf(png)) != 0) return false;
  png_set_write_fn(png, target, write_memory, flush_memory);
  png_set_IHDR(png, info, static_cast<png_uint_32>(image->width()), static_cast<png_uint_32>(image->height()),
               static_cast<int>(8 * size_of(image->type)), image->channels == 3 ? PNG_COLOR_TYPE_RGB : PNG_COLOR_TYPE_GRAY,
               PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  png_set_user_limits(png, 0x7fffffff, 0x7fffffff);
  png_write_info(png, info);
  png_set_swap(png);
  png_write_image(png, rows);
  png_write_end(png, nullptr);
  return true;
}

std::vector<png_bytep> row_pointers(const Image& image) {
  const size_t row_bytes = static_cast<size_t>(image.width() * image.channels) * size_of(image.type);
  auto* start = reinterpret_cast<png_bytep>(const_cast<std::byte*>(image.bytes.data()));
  std::vector<png_bytep> rows(static_cast<size_t>(image.height()));
  for (size_t y = 0; y < rows.size(); ++y) rows[y] = start + y * row_bytes;
  return rows;
}

}  // namespace

ImageHeader read_png_header(const FileBytes& file) { return header_of(check_png(file)); }

Image read_png(const FileBytes& file) {
  const ImageHeader header = read_png_header(file);
  Image image = Image::make(header.size, header.channels, header.type);
  std::vector<png_bytep> rows = row_pointers(image);
  png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, nullptr, jump_back, ignore_warning);
  png_infop info = png != nullptr ? png_create_info_struct(png) : nullptr;
  Source source{file.bytes};
  const size_t row_bytes = image.bytes.size() / rows.size();
  const bool is_whole = info != nullptr && decode(png, info, &source, rows.data(), row_bytes);
  png_destroy_read_struct(&png, &info, nullptr);
  if (!is_whole) throw_damaged(file.name, "its pixel data are damaged");
  return image;
}

std::string encode_png(const Image& image) {
  LARMOR_ASSERT(image.depth() == 1 && (image.channels == 1 || image.channels == 3) && image.voxels() > 0);
  LARMOR_ASSERT(image.type == PixelType::u8 || image.type == PixelType::u16);
  std::vector<png_bytep> rows = row_pointers(image);
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, jump_back, ignore_warning);
  png_infop info = png != nullptr ? png_create_info_struct(png) : nullptr;
  Target target;
  const bool is_done = info != nullptr && encode(png, info, &target, rows.data(), &image);
  png_destroy_write_struct(&png, &info);
  if (!is_done) throw_run_error("out of memory while writing a PNG image");
  return std::move(target.content);
}

}  // namespace larmor::imaging
