#include "core/tar.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string_view>

#include "core/error.h"

namespace larmor {

namespace {

constexpr size_t kBlock = 512;
constexpr size_t kNameSize = 100;
constexpr size_t kSizeAt = 124, kSizeDigits = 12;
constexpr size_t kChecksumAt = 148, kChecksumDigits = 8;
constexpr size_t kTypeAt = 156;

std::string_view text_of(std::span<const std::byte> bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

/// Octal digits between spaces and zeros; nothing when there are others (the base-256 form stands only for 8 GiB and more).
std::optional<uint64_t> octal(std::string_view text) {
  uint64_t value = 0;
  bool has_digit = false;
  for (const char c : text) {
    if (c >= '0' && c <= '7') {
      value = value * 8 + static_cast<uint64_t>(c - '0');
      has_digit = true;
    } else if (c == '\0' || (c == ' ' && has_digit)) {
      break;
    } else if (c != ' ') {
      return std::nullopt;
    }
  }
  return has_digit ? std::optional(value) : std::nullopt;
}

/// The sum over the header, with spaces in place of the sum itself.
bool is_header(std::span<const std::byte> block) {
  uint64_t sum = 0;
  for (size_t i = 0; i < kBlock; ++i) {
    const bool is_in_sum = i >= kChecksumAt && i < kChecksumAt + kChecksumDigits;
    sum += is_in_sum ? uint64_t{' '} : std::to_integer<uint64_t>(block[i]);
  }
  return octal(text_of(block.subspan(kChecksumAt, kChecksumDigits))) == sum;
}

bool is_empty(std::span<const std::byte> block) {
  return std::all_of(block.begin(), block.end(), [](std::byte byte) { return byte == std::byte{0}; });
}

}  // namespace

bool is_tar(std::span<const std::byte> bytes) { return bytes.size() >= kBlock && is_header(bytes.first(kBlock)); }

std::vector<TarEntry> read_tar(std::span<const std::byte> bytes, const std::string& name) {
  std::vector<TarEntry> entries;
  size_t position = 0;
  while (bytes.size() - position >= kBlock && !is_empty(bytes.subspan(position, kBlock))) {
    const auto header = bytes.subspan(position, kBlock);
    if (!is_header(header)) throw_data_error(fmt::format("{}: tar archive: the header at byte {} is damaged", name, position));
    const std::optional<uint64_t> size = octal(text_of(header.subspan(kSizeAt, kSizeDigits)));
    position += kBlock;
    if (!size || *size > bytes.size() - position) {
      throw_data_error(fmt::format("{}: tar archive: an entry reaches over the end of {} bytes: the file is cut off", name, bytes.size()));
    }
    const char type = text_of(header)[kTypeAt];
    const std::string_view entry_name = text_of(header.first(kNameSize));
    if (type == '0' || type == '\0') {
      entries.push_back({std::string(entry_name.substr(0, entry_name.find('\0'))), bytes.subspan(position, *size)});
    }
    position += std::min<uint64_t>((*size + kBlock - 1) / kBlock * kBlock, bytes.size() - position);
  }
  return entries;
}

}  // namespace larmor
