// Files: whole reads, atomic writes, memory maps, checksums.
#pragma once
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace larmor {

/// Reads a whole file. Error (data): missing, not a regular file, unreadable; the message names the file.
std::string read_file(const std::filesystem::path& file);

/// Writes beside the target, flushes to disk, renames. On any failure the old file stays and nothing is left behind;
/// Error (run) names the file and the system's reason ("No space left on device").
void write_file_atomically(const std::filesystem::path& file, std::string_view content);
/// The same with content produced in pieces: `produce` calls its argument with successive chunks.
void write_file_atomically(const std::filesystem::path& file,
                           const std::function<void(const std::function<void(const void*, size_t)>& write)>& produce);
/// Removes what a killed process left of write_file_atomically() in this folder; files of living processes stay. Missing folder: nothing.
void remove_unfinished_files(const std::filesystem::path& folder);
/// Appends one line (with '\n') in a single write. Error (run) as above.
void append_line(const std::filesystem::path& file, std::string_view line);
/// Makes a folder and its parents. Error (run) names it.
void make_folder(const std::filesystem::path& folder);

/// False as well for what cannot be looked at.
bool is_folder(const std::filesystem::path& path);
/// Names of a folder's entries, sorted; hidden ones left out. Error (data) names the folder and the system's reason.
std::vector<std::string> list_folder(const std::filesystem::path& folder);

/// A read-only memory map; empty for an empty file.
class MappedFile {
 public:
  explicit MappedFile(const std::filesystem::path& file);
  std::span<const std::byte> bytes() const;

 private:
  std::shared_ptr<const std::byte> data_;
  size_t size_ = 0;
};

/// CRC-32 (zlib, IEEE 802.3); `start` continues an earlier value.
uint32_t crc32(std::span<const std::byte> bytes, uint32_t start = 0);
uint32_t crc32(std::string_view text);
/// CRC-32 of a whole file as 8 hexadecimal digits. Error (data) as read_file().
std::string checksum_of_file(const std::filesystem::path& file);
/// SHA-256 as 64 hexadecimal digits.
std::string sha256(std::span<const std::byte> bytes);

}  // namespace larmor
