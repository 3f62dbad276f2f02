// Zip archives in memory: stored and deflated entries, zip64, every checksum verified. Source: APPNOTE.TXT 6.3.
//
// Entries are looked up by name and never written to a disk. Refused: encrypted or split archives, other methods, names that lead out of a
// folder, two entries of one name, entries that overlap, headers that contradict the directory, contents that are unlikely large.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

namespace larmor {

struct ZipEntry {
  std::string name;
  bool is_deflated = false;
  uint32_t checksum = 0;              ///< CRC-32 of the content
  uint64_t size = 0;                  ///< bytes of the content
  std::span<const std::byte> stored;  ///< as they stand in the archive
};

class ZipArchive {
 public:
  /// `name` stands for the file in messages. The bytes must outlive the archive. Error (data): see above, cut off, damaged.
  static ZipArchive parse(std::span<const std::byte> bytes, const std::string& name);

  const std::vector<ZipEntry>& entries() const { return entries_; }  ///< in the order of the directory
  const ZipEntry* find(const std::string& name) const;
  /// The content; `unpacked` holds it where the entry is deflated. Error (data): damaged, wrong checksum.
  std::span<const std::byte> read(const ZipEntry& entry, std::vector<std::byte>& unpacked) const;

  /// All contents together may be this many times as large as the archive, and at least kSmallestUnpacked bytes.
  static constexpr uint64_t kLargestRatio = 100;
  static constexpr uint64_t kSmallestUnpacked = uint64_t{64} << 20;

 private:
  std::string file_;
  std::vector<ZipEntry> entries_;
  std::unordered_map<std::string, size_t> positions_;  ///< by name, in entries_
};

}  // namespace larmor
