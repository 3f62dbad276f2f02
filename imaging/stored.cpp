#include "imaging/stored.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "core/error.h"

namespace larmor::imaging {

static_assert(std::endian::native == std::endian::little, "files are decoded for little-endian machines");

namespace {

constexpr int64_t kMostElements = int64_t{1} << 31;

/// Widens values of type From to the pixel type To.
template <class From, class To>
void widen(const std::vector<std::byte>& from, Image& to) {
  To* target = to.data<To>();
  for (int64_t i = 0; i < to.elements(); ++i) {
    From value;
    std::memcpy(&value, from.data() + static_cast<size_t>(i) * sizeof(From), sizeof(From));
    target[i] = static_cast<To>(value);  // NOLINT(bugprone-signed-char-misuse): numbers, not text
  }
}

}  // namespace

void throw_damaged(const std::string& name, const std::string& message) { throw_data_error(fmt::format("{}: {}", name, message)); }

void throw_cut_off(const FileBytes& file, uint64_t promised) {
  throw_damaged(file.name, fmt::format("{} bytes, but its header promises at least {}: the file is cut off", file.bytes.size(), promised));
}

uint64_t ByteReader::number(uint64_t offset, size_t size) const {
  uint64_t value = 0;
  const auto bytes = range(offset, size);
  for (size_t i = 0; i < size; ++i) {
    const auto byte = std::to_integer<uint64_t>(bytes[i]);
    value |= byte << 8 * (big_endian_ ? size - 1 - i : i);
  }
  return value;
}

float ByteReader::f32(uint64_t offset) const { return std::bit_cast<float>(u32(offset)); }

std::span<const std::byte> ByteReader::range(uint64_t offset, uint64_t size) const {
  const uint64_t have = file_.bytes.size();
  if (offset <= have && size <= have - offset) return file_.bytes.subspan(offset, size);
  const uint64_t end = offset + size;
  if (end < offset) throw_damaged(file_.name, "its header is damaged: an offset is beyond any file");
  throw_cut_off(file_, end);
}

size_t size_of(StoredType type) {
  switch (type) {
    case StoredType::u8:
    case StoredType::i8:
      return 1;
    case StoredType::u16:
    case StoredType::i16:
      return 2;
    case StoredType::u32:
    case StoredType::i32:
    case StoredType::f32:
      return 4;
    case StoredType::u64:
    case StoredType::i64:
    case StoredType::f64:
      return 8;
  }
  return 0;
}

std::optional<StoredType> integer_of(uint64_t bits, bool is_signed) {
  switch (bits) {
    case 8:
      return is_signed ? StoredType::i8 : StoredType::u8;
    case 16:
      return is_signed ? StoredType::i16 : StoredType::u16;
    case 32:
      return is_signed ? StoredType::i32 : StoredType::u32;
    case 64:
      return is_signed ? StoredType::i64 : StoredType::u64;
    default:
      return std::nullopt;
  }
}

PixelType pixel_type_of(StoredType type) {
  switch (type) {
    case StoredType::u8:
      return PixelType::u8;
    case StoredType::i8:
    case StoredType::i16:
      return PixelType::i16;
    case StoredType::u16:
      return PixelType::u16;
    case StoredType::i32:
      return PixelType::i32;
    case StoredType::u32:
    case StoredType::u64:
    case StoredType::i64:
    case StoredType::f32:
    case StoredType::f64:
      return PixelType::f32;
  }
  return PixelType::f32;
}

void swap_bytes(std::span<std::byte> values, size_t size) {
  if (size == 1) return;
  for (size_t i = 0; i + size <= values.size(); i += size) std::reverse(values.begin() + i, values.begin() + i + size);
}

Image from_stored(std::vector<std::byte> elements, StoredType type, const ImageHeader& header) {
  Image image;
  image.size = header.size;
  image.channels = header.channels;
  image.type = pixel_type_of(type);
  image.geometry = header.geometry;
  LARMOR_ASSERT(elements.size() == static_cast<size_t>(image.elements()) * size_of(type));
  switch (type) {
    case StoredType::u8:
    case StoredType::u16:
    case StoredType::i16:
    case StoredType::i32:
    case StoredType::f32:
      image.bytes = std::move(elements);
      return image;
    default:
      break;
  }
  image.bytes.resize(static_cast<size_t>(image.elements()) * size_of(image.type));
  switch (type) {
    case StoredType::i8:
      widen<int8_t, int16_t>(elements, image);
      break;
    case StoredType::u32:
      widen<uint32_t, float>(elements, image);
      break;
    case StoredType::u64:
      widen<uint64_t, float>(elements, image);
      break;
    case StoredType::i64:
      widen<int64_t, float>(elements, image);
      break;
    case StoredType::f64:
      widen<double, float>(elements, image);
      break;
    default:
      break;
  }
  return image;
}

void check_size(const std::string& name, std::array<int64_t, 3> size, int64_t channels) {
  const auto refuse = [&](const char* reason) {
    throw_damaged(name, fmt::format("size {} x {} x {}, {} channels: {}", size[0], size[1], size[2], channels, reason));
  };
  int64_t elements = 1;
  for (const int64_t side : {size[0], size[1], size[2], channels}) {
    if (side < 1) refuse("every side must be at least 1");
    if (side > kMostElements / elements) refuse("over 2^31 values");
    elements *= side;
  }
}

}  // namespace larmor::imaging
