// safetensors: reader (memory-mapped, fully validated) and writer. Format: u64 little-endian header length, JSON header, data.
// Source: safetensors specification 0.4; limits and rules as in its section "Format".
#pragma once
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/files.h"

namespace larmor {

enum class DType { boolean, u8, i8, i16, u16, f16, bf16, i32, u32, f32, f64, i64, u64 };

/// Bytes of one element.
size_t size_of(DType type);
/// "F32", "I64", … as written in the header.
std::string to_string(DType type);

/// One named tensor, little-endian, C order. `bytes` points into the file map or the writer's buffer.
struct TensorView {
  std::string name;
  DType type = DType::f32;
  std::vector<int64_t> shape;
  std::span<const std::byte> bytes;
};

/// A validated file. Every view stays valid as long as the object lives.
class SafetensorsFile {
 public:
  /// Error (data), naming file and rule: too short, header over 100 MB or past the end, not a JSON object, duplicate key,
  /// unknown dtype, unknown or missing field, negative or overflowing shape, more than 64 dimensions, offsets out of order, holes, overlap,
  /// size unequal to shape × dtype, trailing bytes.
  static SafetensorsFile open(const std::filesystem::path& file);
  /// The same over bytes in memory (for tests and fuzzing); `name` stands for the file in messages.
  static SafetensorsFile parse(std::span<const std::byte> bytes, const std::string& name);

  const std::vector<TensorView>& tensors() const { return tensors_; }  ///< in data order
  const TensorView* find(const std::string& name) const;
  const std::map<std::string, std::string>& metadata() const { return metadata_; }
  const std::string& name() const { return name_; }

 private:
  std::shared_ptr<MappedFile> map_;
  std::string name_;
  std::vector<TensorView> tensors_;
  std::unordered_map<std::string, size_t> positions_;  ///< by name, in tensors_
  std::map<std::string, std::string> metadata_;
};

/// Writes atomically; tensors in the given order, header padded with spaces to 8 bytes. The same input gives the same bytes.
/// A duplicate name, a name "__metadata__" and bytes that do not fit the shape are assertions.
void write_safetensors(const std::filesystem::path& file, const std::vector<TensorView>& tensors,
                       const std::map<std::string, std::string>& metadata = {});

}  // namespace larmor
