#include "train/tensorboard.h"

#include <fmt/format.h>

#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "core/error.h"
#include "core/files.h"

namespace larmor::train {

namespace {

constexpr std::array<uint32_t, 256> make_crc_table() {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = (value & 1) ? (value >> 1) ^ 0x82F63B78u : value >> 1;
    table[i] = value;
  }
  return table;
}

constexpr std::array<uint32_t, 256> kCrcTable = make_crc_table();

uint32_t masked_crc(std::string_view bytes) {
  const uint32_t crc = crc32c(bytes);
  return ((crc >> 15) | (crc << 17)) + 0xA282EAD8u;
}

template <class T>
std::string little_endian(T value) {
  static_assert(std::endian::native == std::endian::little);
  std::string bytes(sizeof(T), '\0');
  std::memcpy(bytes.data(), &value, sizeof(T));
  return bytes;
}

std::string varint(uint64_t value) {
  std::string bytes;
  for (; value >= 0x80; value >>= 7) bytes.push_back(static_cast<char>((value & 0x7F) | 0x80));
  bytes.push_back(static_cast<char>(value));
  return bytes;
}

enum class Wire : uint32_t { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };

std::string tag(uint32_t field, Wire wire) { return varint(field << 3 | static_cast<uint32_t>(wire)); }

std::string bytes_field(uint32_t field, const std::string& content) { return tag(field, Wire::bytes) + varint(content.size()) + content; }

std::string event_start(double wall_time, int64_t step) {
  return tag(1, Wire::fixed64) + little_endian(wall_time) + tag(2, Wire::varint) + varint(static_cast<uint64_t>(step));
}

}  // namespace

uint32_t crc32c(std::string_view bytes) {
  uint32_t crc = 0xFFFFFFFFu;
  for (const char byte : bytes) crc = kCrcTable[(crc ^ static_cast<uint8_t>(byte)) & 0xFF] ^ (crc >> 8);
  return crc ^ 0xFFFFFFFFu;
}

TensorBoardWriter::TensorBoardWriter(const std::filesystem::path& folder, double wall_time) {
  make_folder(folder);
  const auto seconds = static_cast<int64_t>(wall_time);
  file_ = folder / fmt::format("events.out.tfevents.{}.larmor", seconds);
  for (int i = 1; std::filesystem::exists(file_); ++i) file_ = folder / fmt::format("events.out.tfevents.{}.larmor.{}", seconds, i);
  append_record(event_start(wall_time, 0) + bytes_field(3, "brain.Event:2"));
}

void TensorBoardWriter::write(int64_t step, double wall_time, const std::vector<std::pair<std::string, double>>& scalars) {
  std::string summary;
  for (const auto& [name, value] : scalars) {
    const std::string entry = bytes_field(1, name) + tag(2, Wire::fixed32) + little_endian(static_cast<float>(value));
    summary += bytes_field(1, entry);
  }
  append_record(event_start(wall_time, step) + bytes_field(5, summary));
}

void TensorBoardWriter::append_record(const std::string& event) {
  const std::string length = little_endian(static_cast<uint64_t>(event.size()));
  std::ofstream out(file_, std::ios::binary | std::ios::app);
  out << length << little_endian(masked_crc(length)) << event << little_endian(masked_crc(event));
  out.flush();
  if (!out) throw_run_error(fmt::format("{}: {}", file_.string(), std::strerror(errno)));
}

}  // namespace larmor::train
