// Voxels and numbers as files store them: the parts that the readers of imaging/ share. Nothing here trusts a file.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "imaging/image.h"
#include "imaging/io.h"

namespace larmor::imaging {

/// A file's bytes with the name that messages call it by.
struct FileBytes {
  std::span<const std::byte> bytes;
  std::string name;
};

/// "NAME: MESSAGE" as an Error (data).
[[noreturn]] void throw_damaged(const std::string& name, const std::string& message);
/// "NAME: 200 bytes, but its header promises at least 65674: the file is cut off".
[[noreturn]] void throw_cut_off(const FileBytes& file, uint64_t promised);

/// Numbers at any offset, in the file's byte order; past the end the file is cut off (Error data).
class ByteReader {
 public:
  ByteReader(const FileBytes& file, bool big_endian) : file_(file), big_endian_(big_endian) {}
  /// An unsigned number of 1, 2, 4 or 8 bytes.
  uint64_t number(uint64_t offset, size_t size) const;
  uint16_t u16(uint64_t offset) const { return static_cast<uint16_t>(number(offset, 2)); }
  int16_t i16(uint64_t offset) const { return static_cast<int16_t>(number(offset, 2)); }
  uint32_t u32(uint64_t offset) const { return static_cast<uint32_t>(number(offset, 4)); }
  int32_t i32(uint64_t offset) const { return static_cast<int32_t>(number(offset, 4)); }
  float f32(uint64_t offset) const;
  std::span<const std::byte> range(uint64_t offset, uint64_t size) const;
  bool big_endian() const { return big_endian_; }
  const FileBytes& file() const { return file_; }

 private:
  const FileBytes& file_;
  bool big_endian_;
};

/// A value type of a file. Those that PixelType lacks are widened: i8 to i16; u32, 64-bit integers and f64 to f32.
enum class StoredType { u8, i8, u16, i16, u32, i32, u64, i64, f32, f64 };
size_t size_of(StoredType type);
PixelType pixel_type_of(StoredType type);
/// The integer of 8, 16, 32 or 64 bits; nothing for other widths.
std::optional<StoredType> integer_of(uint64_t bits, bool is_signed);

/// Reverses the bytes of each element of `size` bytes (1, 2, 4, 8).
void swap_bytes(std::span<std::byte> values, size_t size);
/// An image of the header's size and geometry from its stored elements, interleaved and in this machine's byte order.
/// `header.type` is ignored: the type is pixel_type_of(type).
Image from_stored(std::vector<std::byte> elements, StoredType type, const ImageHeader& header);

/// Throws Error (data) for sides below 1 and for more than 2^31 elements, before anything is multiplied into an overflow.
void check_size(const std::string& name, std::array<int64_t, 3> size, int64_t channels);

}  // namespace larmor::imaging
