#include "core/files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <optional>
#include <system_error>

#include "core/error.h"

namespace larmor {

namespace fs = std::filesystem;

namespace {

std::string reason_of(int code) { return std::generic_category().message(code); }

/// A file descriptor that closes itself.
class Descriptor {
 public:
  explicit Descriptor(int value) : value_(value) {}
  ~Descriptor() {
    if (value_ >= 0) ::close(value_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return value_; }
  bool is_open() const { return value_ >= 0; }
  /// Closes now; false when the system reports a failure (a late write error on network file systems).
  bool close() {
    const int result = ::close(value_);
    value_ = -1;
    return result == 0;
  }

 private:
  int value_;
};

[[noreturn]] void throw_unreadable(const fs::path& file, int code) {
  throw_data_error(fmt::format("{}: cannot be read: {}", file.string(), reason_of(code)));
}

[[noreturn]] void throw_unwritable(const fs::path& file, int code) {
  throw_run_error(fmt::format("{}: cannot be written: {}", file.string(), reason_of(code)));
}

/// Opens a regular file for reading and tells its size. O_NONBLOCK, so that a named pipe is refused instead of waited for.
int open_regular(const fs::path& file, size_t& size) {
  const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) throw_unreadable(file, errno);
  struct stat status {};
  const bool known = ::fstat(descriptor, &status) == 0;
  const int code = errno;
  if (known && S_ISREG(status.st_mode)) {
    size = static_cast<size_t>(status.st_size);
    return descriptor;
  }
  ::close(descriptor);
  if (!known) throw_unreadable(file, code);
  throw_data_error(fmt::format("{}: is {}, not a file", file.string(), S_ISDIR(status.st_mode) ? "a folder" : "a device or pipe"));
}

void write_all(int descriptor, const fs::path& file, const void* data, size_t size) {
  const char* next = static_cast<const char*>(data);
  while (size > 0) {
    const ssize_t written = ::write(descriptor, next, size);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) throw_unwritable(file, errno);
    next += written;
    size -= static_cast<size_t>(written);
  }
}

/// The unfinished file beside the target; removed unless it was renamed.
class UnfinishedFile {
 public:
  explicit UnfinishedFile(const fs::path& target) : target_(target), path_(unused_name(target)) {
    descriptor_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor_ < 0) throw_unwritable(target_, errno);
  }
  ~UnfinishedFile() {
    if (descriptor_ >= 0) ::close(descriptor_);
    if (!path_.empty()) ::unlink(path_.c_str());
  }
  UnfinishedFile(const UnfinishedFile&) = delete;
  UnfinishedFile& operator=(const UnfinishedFile&) = delete;

  void write(const void* data, size_t size) { write_all(descriptor_, target_, data, size); }

  void finish() {
    if (::fsync(descriptor_) != 0) throw_unwritable(target_, errno);
    const int closed = ::close(descriptor_);
    descriptor_ = -1;
    if (closed != 0) throw_unwritable(target_, errno);
    if (::rename(path_.c_str(), target_.c_str()) != 0) throw_unwritable(target_, errno);
    path_.clear();
    flush_folder();
  }

 private:
  static fs::path unused_name(const fs::path& target) {
    static std::atomic<uint64_t> count{0};
    return target.parent_path() / fmt::format(".{}.{}-{}.tmp", target.filename().string(), ::getpid(), count++);
  }

  /// Makes the rename itself durable. The content is safe already, so a file system that cannot do this is no error.
  void flush_folder() const {
    const fs::path folder = target_.has_parent_path() ? target_.parent_path() : fs::path(".");
    const Descriptor descriptor(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (descriptor.is_open()) ::fsync(descriptor.get());
  }

  fs::path target_;
  fs::path path_;
  int descriptor_ = -1;
};

/// The process of an unfinished file's name, ".last.safetensors.4711-0.tmp".
std::optional<pid_t> process_of(const std::string& name) {
  constexpr std::string_view kEnding = ".tmp";
  if (!name.starts_with('.') || !name.ends_with(kEnding)) return std::nullopt;
  const std::string stem = name.substr(0, name.size() - kEnding.size());
  const std::string place = stem.substr(stem.rfind('.') + 1);
  pid_t process = 0;
  const auto [end, error] = std::from_chars(place.data(), place.data() + place.size(), process);
  const bool is_ours = error == std::errc() && process > 0 && end != place.data() + place.size() && *end == '-';
  return is_ours ? std::optional(process) : std::nullopt;
}

bool is_alive(pid_t process) { return ::kill(process, 0) == 0 || errno != ESRCH; }

/// Where a symbolic link points, so that writing keeps the link.
fs::path followed(const fs::path& file) {
  std::error_code unknown;
  if (!fs::is_symlink(file, unknown)) return file;
  const fs::path target = fs::weakly_canonical(file, unknown);
  return unknown ? file : target;
}

using CrcTables = std::array<std::array<uint32_t, 256>, 8>;

/// Tables for eight bytes at once ("slicing by 8"): tables[k][b] is the CRC of byte b followed by k zero bytes.
constexpr CrcTables make_crc_tables() {
  CrcTables tables{};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t value = byte;
    for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) != 0 ? 0xEDB88320u : 0u);
    tables[0][byte] = value;
  }
  for (size_t k = 1; k < tables.size(); ++k) {
    for (size_t byte = 0; byte < 256; ++byte) {
      const uint32_t previous = tables[k - 1][byte];
      tables[k][byte] = (previous >> 8) ^ tables[0][previous & 0xFF];
    }
  }
  return tables;
}

constexpr CrcTables kCrcTables = make_crc_tables();

uint32_t little_endian_u32(const std::byte* bytes) {
  return std::to_integer<uint32_t>(bytes[0]) | std::to_integer<uint32_t>(bytes[1]) << 8 | std::to_integer<uint32_t>(bytes[2]) << 16 |
         std::to_integer<uint32_t>(bytes[3]) << 24;
}

uint32_t big_endian_u32(const std::byte* bytes) {
  return std::to_integer<uint32_t>(bytes[0]) << 24 | std::to_integer<uint32_t>(bytes[1]) << 16 | std::to_integer<uint32_t>(bytes[2]) << 8 |
         std::to_integer<uint32_t>(bytes[3]);
}

constexpr std::array<uint32_t, 64> kSha256Constants = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be,
    0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa,
    0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85,
    0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3,
    0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f,
    0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

/// FIPS 180-4, section 6.2.2: one 64-byte block.
void sha256_block(std::array<uint32_t, 8>& state, const std::byte* block) {
  std::array<uint32_t, 64> schedule{};
  for (size_t t = 0; t < 16; ++t) schedule[t] = big_endian_u32(block + 4 * t);
  for (size_t t = 16; t < 64; ++t) {
    const uint32_t x = schedule[t - 15];
    const uint32_t y = schedule[t - 2];
    const uint32_t sigma0 = std::rotr(x, 7) ^ std::rotr(x, 18) ^ (x >> 3);
    const uint32_t sigma1 = std::rotr(y, 17) ^ std::rotr(y, 19) ^ (y >> 10);
    schedule[t] = sigma1 + schedule[t - 7] + sigma0 + schedule[t - 16];
  }
  auto [a, b, c, d, e, f, g, h] = state;
  for (size_t t = 0; t < 64; ++t) {
    const uint32_t choice = (e & f) ^ (~e & g);
    const uint32_t majority = (a & b) ^ (a & c) ^ (b & c);
    const uint32_t temporary1 = h + (std::rotr(e, 6) ^ std::rotr(e, 11) ^ std::rotr(e, 25)) + choice + kSha256Constants[t] + schedule[t];
    const uint32_t temporary2 = (std::rotr(a, 2) ^ std::rotr(a, 13) ^ std::rotr(a, 22)) + majority;
    h = g, g = f, f = e, e = d + temporary1;
    d = c, c = b, b = a, a = temporary1 + temporary2;
  }
  const std::array<uint32_t, 8> added = {a, b, c, d, e, f, g, h};
  for (size_t i = 0; i < 8; ++i) state[i] += added[i];
}

}  // namespace

std::string read_file(const fs::path& file) {
  size_t size = 0;
  const Descriptor descriptor(open_regular(file, size));
  std::string content(size, '\0');
  size_t done = 0;
  while (done < size) {
    const ssize_t got = ::read(descriptor.get(), content.data() + done, size - done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw_unreadable(file, errno);
    if (got == 0) break;
    done += static_cast<size_t>(got);
  }
  content.resize(done);
  return content;
}

void write_file_atomically(const fs::path& file, std::string_view content) {
  write_file_atomically(file, [&](const auto& write) { write(content.data(), content.size()); });
}

void write_file_atomically(const fs::path& file,
                           const std::function<void(const std::function<void(const void*, size_t)>& write)>& produce) {
  UnfinishedFile unfinished(followed(file));
  produce([&](const void* data, size_t size) { unfinished.write(data, size); });
  unfinished.finish();
}

void remove_unfinished_files(const fs::path& folder) {
  std::error_code missing;
  for (fs::directory_iterator entry(folder, missing); !missing && entry != fs::directory_iterator(); entry.increment(missing)) {
    const std::optional<pid_t> process = process_of(entry->path().filename().string());
    std::error_code kept;
    if (process && !is_alive(*process)) fs::remove(entry->path(), kept);
  }
}

void append_line(const fs::path& file, std::string_view line) {
  Descriptor descriptor(::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666));
  if (!descriptor.is_open()) throw_unwritable(file, errno);
  std::string text(line);
  text += '\n';
  write_all(descriptor.get(), file, text.data(), text.size());
  if (!descriptor.close()) throw_unwritable(file, errno);
}

void make_folder(const fs::path& folder) {
  std::error_code failure;
  fs::create_directories(folder, failure);
  if (!failure && !fs::is_directory(folder, failure) && !failure) failure = std::make_error_code(std::errc::not_a_directory);
  if (failure) throw_run_error(fmt::format("{}: cannot make this folder: {}", folder.string(), reason_of(failure.value())));
}

bool is_folder(const fs::path& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

std::vector<std::string> list_folder(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    std::string name = entry->path().filename().string();
    if (!name.starts_with(".")) names.push_back(std::move(name));
  }
  if (error) throw_data_error(fmt::format("{}: cannot be listed: {}", folder.string(), error.message()));
  std::sort(names.begin(), names.end());
  return names;
}

MappedFile::MappedFile(const fs::path& file) {
  const Descriptor descriptor(open_regular(file, size_));
  if (size_ == 0) return;
  void* address = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, descriptor.get(), 0);
  if (address == MAP_FAILED) throw_unreadable(file, errno);
  data_ = std::shared_ptr<const std::byte>(static_cast<const std::byte*>(address),
                                           [size = size_](const std::byte* start) { ::munmap(const_cast<std::byte*>(start), size); });
}

std::span<const std::byte> MappedFile::bytes() const { return {data_.get(), size_}; }

uint32_t crc32(std::span<const std::byte> bytes, uint32_t start) {
  uint32_t value = ~start;
  const std::byte* next = bytes.data();
  size_t left = bytes.size();
  for (; left >= 8; left -= 8, next += 8) {
    const uint32_t low = value ^ little_endian_u32(next);
    const uint32_t high = little_endian_u32(next + 4);
    value = kCrcTables[7][low & 0xFF] ^ kCrcTables[6][low >> 8 & 0xFF] ^ kCrcTables[5][low >> 16 & 0xFF] ^ kCrcTables[4][low >> 24] ^
            kCrcTables[3][high & 0xFF] ^ kCrcTables[2][high >> 8 & 0xFF] ^ kCrcTables[1][high >> 16 & 0xFF] ^ kCrcTables[0][high >> 24];
  }
  for (; left > 0; --left, ++next) value = (value >> 8) ^ kCrcTables[0][(value ^ std::to_integer<uint32_t>(*next)) & 0xFF];
  return ~value;
}

std::string checksum_of_file(const fs::path& file) { return fmt::format("{:08x}", crc32(MappedFile(file).bytes())); }

uint32_t crc32(std::string_view text) { return crc32(std::as_bytes(std::span(text.data(), text.size()))); }

std::string sha256(std::span<const std::byte> bytes) {
  std::array<uint32_t, 8> state = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  const size_t whole = bytes.size() / 64 * 64;
  for (size_t offset = 0; offset < whole; offset += 64) sha256_block(state, bytes.data() + offset);

  // The rest, a one bit, zeros and the length in bits as a big-endian 64-bit number.
  std::array<std::byte, 128> tail{};
  const size_t rest = bytes.size() - whole;
  if (rest > 0) std::memcpy(tail.data(), bytes.data() + whole, rest);
  tail[rest] = std::byte{0x80};
  const size_t tail_size = rest + 9 <= 64 ? 64 : 128;
  const uint64_t bits = static_cast<uint64_t>(bytes.size()) * 8;
  for (size_t i = 0; i < 8; ++i) tail[tail_size - 1 - i] = static_cast<std::byte>(bits >> (8 * i));
  for (size_t offset = 0; offset < tail_size; offset += 64) sha256_block(state, tail.data() + offset);

  std::string text;
  for (const uint32_t word : state) text += fmt::format("{:08x}", word);
  return text;
}

}  // namespace larmor
