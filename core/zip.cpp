#include "core/zip.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <new>

#include "core/error.h"
#include "core/files.h"

namespace larmor {

namespace {

constexpr uint32_t kLocalSignature = 0x04034b50;
constexpr uint32_t kCentralSignature = 0x02014b50;
constexpr uint32_t kEndSignature = 0x06054b50;
constexpr uint32_t kEnd64Signature = 0x06064b50;
constexpr uint32_t kLocator64Signature = 0x07064b50;
constexpr size_t kLocalSize = 30;
constexpr size_t kCentralSize = 46;
constexpr size_t kEndSize = 22;
constexpr size_t kEnd64Size = 56;
constexpr size_t kLocator64Size = 20;
constexpr size_t kLongestComment = 0xFFFF;
constexpr uint16_t kExtra64 = 1;
constexpr uint32_t kIn64 = 0xFFFFFFFF;  ///< the value stands in the zip64 field
constexpr uint16_t kEncrypted = 0x0041, kSizesFollow = 0x0008;
constexpr uint16_t kStored = 0, kDeflated = 8;
constexpr size_t kLargestPiece = size_t{1} << 30;  // zlib counts in 32 bits

/// Numbers at offsets of a span, little-endian; whoever asks has checked the size.
class Fields {
 public:
  explicit Fields(std::span<const std::byte> bytes) : bytes_(bytes) {}
  uint16_t u16(size_t offset) const { return static_cast<uint16_t>(number(offset, 2)); }
  uint32_t u32(size_t offset) const { return static_cast<uint32_t>(number(offset, 4)); }
  uint64_t u64(size_t offset) const { return number(offset, 8); }

 private:
  uint64_t number(size_t offset, size_t count) const {
    LARMOR_ASSERT(offset + count <= bytes_.size());
    uint64_t value = 0;
    for (size_t i = 0; i < count; ++i) value |= std::to_integer<uint64_t>(bytes_[offset + i]) << (8 * i);
    return value;
  }
  std::span<const std::byte> bytes_;
};

/// Where the directory of an archive lies.
struct Directory {
  uint64_t offset = 0, size = 0, count = 0;
};

/// One entry of the directory with what its local header must repeat.
struct Found {
  ZipEntry entry;
  uint16_t flags = 0, method = 0;
  uint64_t packed = 0, header = 0;
  uint64_t end = 0;  ///< behind its data
};

class Parser {
 public:
  Parser(std::span<const std::byte> bytes, const std::string& file) : bytes_(bytes), file_(file) {}

  std::vector<ZipEntry> run() {
    directory_ = find_directory();
    std::vector<Found> all = read_directory();
    uint64_t unpacked = 0;
    for (Found& found : all) {
      read_local(found);
      unpacked += std::min(found.entry.size, UINT64_MAX - unpacked);
    }
    check_overlaps(all);
    const uint64_t most = std::max<uint64_t>(ZipArchive::kSmallestUnpacked, bytes_.size() * ZipArchive::kLargestRatio);
    if (unpacked > most) {
      fail(fmt::format("{} bytes would unpack to {}; at most {} times as many are read", bytes_.size(), unpacked,
                       ZipArchive::kLargestRatio));
    }
    std::vector<ZipEntry> entries;
    entries.reserve(all.size());
    for (Found& found : all) entries.push_back(std::move(found.entry));
    return entries;
  }

 private:
  [[noreturn]] void fail(const std::string& what) const { throw_data_error(fmt::format("{}: {}", file_, what)); }

  std::span<const std::byte> part(uint64_t offset, uint64_t size, std::string_view what) const {
    if (offset > bytes_.size() || size > bytes_.size() - offset)
      fail(fmt::format("zip archive: {} lies outside the file of {} bytes: it is cut off or damaged", what, bytes_.size()));
    return bytes_.subspan(offset, size);
  }

  /// The last place where an end record fits together with its comment.
  size_t find_end() const {
    for (size_t comment = 0; comment <= kLongestComment && comment + kEndSize <= bytes_.size(); ++comment) {
      const size_t offset = bytes_.size() - kEndSize - comment;
      const Fields end(bytes_.subspan(offset));
      if (end.u32(0) == kEndSignature && end.u16(20) == comment) return offset;
    }
    fail("zip archive without its directory: the file is cut off");
  }

  Directory find_directory() const {
    const size_t offset = find_end();
    const Fields end(bytes_.subspan(offset));
    if (offset >= kLocator64Size) {
      const Fields locator(bytes_.subspan(offset - kLocator64Size));
      if (locator.u32(0) == kLocator64Signature) return find_directory64(locator.u64(8));
    }
    if (end.u16(4) != 0 || end.u16(6) != 0 || end.u16(8) != end.u16(10)) fail("zip archive in several parts, which is not read");
    return {end.u32(16), end.u32(12), end.u16(10)};
  }

  Directory find_directory64(uint64_t offset) const {
    const Fields end(part(offset, kEnd64Size, "its zip64 end record"));
    if (end.u32(0) != kEnd64Signature) fail("zip archive: its zip64 end record is damaged");
    if (end.u32(16) != 0 || end.u32(20) != 0 || end.u64(24) != end.u64(32)) fail("zip archive in several parts, which is not read");
    return {end.u64(48), end.u64(40), end.u64(32)};
  }

  std::vector<Found> read_directory() const {
    const auto directory = part(directory_.offset, directory_.size, "its directory");
    if (directory_.count > directory.size() / kCentralSize) fail("zip archive: its directory is damaged");
    std::vector<Found> all;
    size_t position = 0;
    for (uint64_t i = 0; i < directory_.count; ++i) all.push_back(read_central(directory, position));
    if (position != directory.size()) fail("zip archive: its directory is damaged");
    return all;
  }

  Found read_central(std::span<const std::byte> directory, size_t& position) const {
    const auto rest = directory.subspan(position);
    if (rest.size() < kCentralSize) fail("zip archive: its directory is damaged");
    const Fields fields(rest);
    const size_t name_size = fields.u16(28), extra_size = fields.u16(30), total = kCentralSize + name_size + extra_size + fields.u16(32);
    if (fields.u32(0) != kCentralSignature || total > rest.size()) fail("zip archive: its directory is damaged");
    position += total;
    Found found;
    found.entry.name.assign(reinterpret_cast<const char*>(rest.data()) + kCentralSize, name_size);
    found.flags = fields.u16(8);
    found.method = fields.u16(10);
    found.entry.checksum = fields.u32(16);
    found.packed = fields.u32(20);
    found.entry.size = fields.u32(24);
    found.header = fields.u32(42);
    found.entry.is_deflated = found.method == kDeflated;
    take_64(rest.subspan(kCentralSize + name_size, extra_size), found);
    check_kind(found, fields.u16(34));
    return found;
  }

  /// The zip64 field holds only the values that did not fit, in this order.
  void take_64(std::span<const std::byte> extra, Found& found) const {
    while (extra.size() >= 4) {
      const Fields header(extra);
      const size_t size = header.u16(2);
      if (size > extra.size() - 4) return;  // padding of other writers
      if (header.u16(0) == kExtra64) {
        const Fields values(extra.subspan(4, size));
        size_t used = 0;
        for (uint64_t* value : {&found.entry.size, &found.packed, &found.header}) {
          if (*value != kIn64) continue;
          if (used + 8 > size) fail_entry(found, "has a damaged zip64 field");
          *value = values.u64(used);
          used += 8;
        }
        return;
      }
      extra = extra.subspan(4 + size);
    }
  }

  [[noreturn]] void fail_entry(const Found& found, const std::string& what) const {
    fail(fmt::format("entry {} {}", in_quotes(found.entry.name), what));
  }

  void check_kind(const Found& found, uint16_t disk) const {
    const std::string& name = found.entry.name;
    const bool leads_out = name.empty() || name.front() == '/' || name.find('\\') != std::string::npos ||
                           name.find('\0') != std::string::npos || ("/" + name + "/").find("/../") != std::string::npos;
    if (leads_out) fail_entry(found, "has a name that leads out of the archive");
    if ((found.flags & kEncrypted) != 0) fail_entry(found, "is encrypted, which is not read");
    if (disk != 0) fail("zip archive in several parts, which is not read");
    if (found.method != kStored && found.method != kDeflated)
      fail_entry(found, fmt::format("is packed by method {}; stored and deflated ones are read", found.method));
    if (found.method == kStored && found.packed != found.entry.size) fail_entry(found, "is stored, but its two sizes differ");
  }

  void read_local(Found& found) const {
    const auto header = part(found.header, kLocalSize, "a header");
    const Fields fields(header);
    const uint64_t name_size = fields.u16(26), start = found.header + kLocalSize + name_size + fields.u16(28);
    if (fields.u32(0) != kLocalSignature) fail_entry(found, "has no header where the directory says");
    const auto name = part(found.header + kLocalSize, name_size, "a header");
    const bool is_same = std::string_view(reinterpret_cast<const char*>(name.data()), name.size()) == found.entry.name &&
                         fields.u16(8) == found.method && (fields.u16(6) & kEncrypted) == 0;
    const bool has_sizes = (fields.u16(6) & kSizesFollow) == 0 && fields.u32(18) != kIn64 && fields.u32(22) != kIn64;
    if (!is_same || (has_sizes && (fields.u32(18) != found.packed || fields.u32(22) != found.entry.size))) {
      fail_entry(found, "has a header that contradicts the directory");
    }
    found.entry.stored = part(start, found.packed, fmt::format("entry {}", in_quotes(found.entry.name)));
    found.end = start + found.packed;
    if (found.end > directory_.offset) fail_entry(found, "reaches into the directory");
  }

  void check_overlaps(const std::vector<Found>& all) const {
    std::vector<const Found*> sorted;
    sorted.reserve(all.size());
    for (const Found& found : all) sorted.push_back(&found);
    std::sort(sorted.begin(), sorted.end(), [](const Found* a, const Found* b) { return a->header < b->header; });
    for (size_t i = 1; i < sorted.size(); ++i) {
      if (sorted[i]->header < sorted[i - 1]->end)
        fail_entry(*sorted[i], fmt::format("overlaps entry {}", in_quotes(sorted[i - 1]->entry.name)));
    }
  }

  std::span<const std::byte> bytes_;
  const std::string& file_;
  Directory directory_;
};

/// zlib's raw stream, freed on every way out.
struct Inflater {
  Inflater() {
    if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) throw std::bad_alloc();
  }
  ~Inflater() { inflateEnd(&stream); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  /// True when `packed` is one whole stream of exactly the target's size.
  bool unpack(std::span<const std::byte> packed, std::span<std::byte> target) {
    Bytef nowhere = 0;
    stream.next_out = &nowhere;  // zlib takes no null, not even for an empty content
    int result = Z_OK;
    while (result == Z_OK) {
      if (stream.avail_in == 0) give(packed, stream.next_in, stream.avail_in);
      if (stream.avail_out == 0 && !target.empty()) give(target, stream.next_out, stream.avail_out);
      result = inflate(&stream, Z_NO_FLUSH);
    }
    if (result == Z_MEM_ERROR) throw std::bad_alloc();
    return result == Z_STREAM_END && packed.empty() && stream.avail_in == 0 && target.empty() && stream.avail_out == 0;
  }

  template <typename Span>
  static void give(Span& left, Bytef*& next, uInt& available) {
    const size_t count = std::min(left.size(), kLargestPiece);
    next = reinterpret_cast<Bytef*>(const_cast<std::byte*>(left.data()));
    available = static_cast<uInt>(count);
    left = left.subspan(count);
  }

  z_stream stream{};
};

}  // namespace

ZipArchive ZipArchive::parse(std::span<const std::byte> bytes, const std::string& name) {
  ZipArchive archive;
  archive.file_ = name;
  archive.entries_ = Parser(bytes, name).run();
  for (size_t i = 0; i < archive.entries_.size(); ++i) {
    if (!archive.positions_.emplace(archive.entries_[i].name, i).second) {
      throw_data_error(fmt::format("{}: two entries are called {}", name, in_quotes(archive.entries_[i].name)));
    }
  }
  return archive;
}

const ZipEntry* ZipArchive::find(const std::string& name) const {
  const auto found = positions_.find(name);
  return found == positions_.end() ? nullptr : &entries_[found->second];
}

std::span<const std::byte> ZipArchive::read(const ZipEntry& entry, std::vector<std::byte>& unpacked) const {
  std::span<const std::byte> content = entry.stored;
  if (entry.is_deflated) {
    unpacked.resize(entry.size);
    if (!Inflater().unpack(entry.stored, unpacked)) {
      throw_data_error(
          fmt::format("{}: entry {} is damaged: its compressed data do not unpack to {} bytes", file_, in_quotes(entry.name), entry.size));
    }
    content = unpacked;
  }
  if (crc32(content) != entry.checksum)
    throw_data_error(fmt::format("{}: entry {} is damaged: its checksum is wrong", file_, in_quotes(entry.name)));
  return content;
}

}  // namespace larmor
