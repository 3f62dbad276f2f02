#include "imaging/gzip.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <new>

#include "core/error.h"

namespace larmor::imaging {

namespace {

constexpr int kGzipWindow = 16 + MAX_WBITS;
constexpr size_t kLargestPiece = size_t{1} << 30;  // zlib counts in 32 bits
constexpr int kMemoryLevel = 8;                    // zlib's default

}  // namespace

struct GzipReader::State {
  explicit State(const FileBytes& source) : file(source) {
    if (inflateInit2(&stream, kGzipWindow) != Z_OK) throw std::bad_alloc();
  }
  ~State() { inflateEnd(&stream); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  bool feed() {
    if (stream.avail_in > 0) return true;
    const size_t count = std::min(file.bytes.size() - used, kLargestPiece);
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(file.bytes.data() + used));
    stream.avail_in = static_cast<uInt>(count);
    used += count;
    return count > 0;
  }

  /// After a member: true when another follows. Anything else there is padding.
  bool next_member() {
    if (!feed()) return false;
    const size_t start = used - stream.avail_in;
    const auto rest = file.bytes.subspan(start);
    if (rest.size() < 2 || rest[0] != std::byte{0x1F} || rest[1] != std::byte{0x8B}) return false;
    return inflateReset(&stream) == Z_OK;
  }

  const FileBytes& file;
  z_stream stream{};
  size_t used = 0;
  bool is_ended = false;
};

GzipReader::GzipReader(const FileBytes& file) : state_(std::make_unique<State>(file)) {}
GzipReader::~GzipReader() = default;

size_t GzipReader::read(std::byte* target, size_t size) {
  size_t done = 0;
  z_stream& stream = state_->stream;
  while (done < size && !state_->is_ended) {
    if (!state_->feed()) {
      throw_damaged(state_->file.name,
                    fmt::format("{} bytes, but its compressed data go on: the file is cut off", state_->file.bytes.size()));
    }
    const auto room = static_cast<uInt>(std::min(size - done, kLargestPiece));
    stream.next_out = reinterpret_cast<Bytef*>(target + done);
    stream.avail_out = room;
    const int result = inflate(&stream, Z_NO_FLUSH);
    done += room - stream.avail_out;
    if (result == Z_STREAM_END) {
      state_->is_ended = !state_->next_member();
    } else if (result == Z_MEM_ERROR) {
      throw std::bad_alloc();
    } else if (result != Z_OK && result != Z_BUF_ERROR) {
      throw_damaged(state_->file.name, "its compressed data are damaged");
    }
  }
  return done;
}

void GzipReader::finish() {
  std::array<std::byte, 16384> nowhere;
  while (read(nowhere.data(), nowhere.size()) > 0) {
  }
}

struct GzipWriter::State {
  State(int level, Sink target) : sink(std::move(target)) {
    if (deflateInit2(&stream, level, Z_DEFLATED, kGzipWindow, kMemoryLevel, Z_DEFAULT_STRATEGY) != Z_OK) throw std::bad_alloc();
  }
  ~State() { deflateEnd(&stream); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  /// Packs what the stream was given and passes it on.
  void pump(int flush) {
    do {
      stream.next_out = reinterpret_cast<Bytef*>(packed.data());
      stream.avail_out = static_cast<uInt>(packed.size());
      deflate(&stream, flush);
      sink(packed.data(), packed.size() - stream.avail_out);
    } while (stream.avail_out == 0);
  }

  Sink sink;
  z_stream stream{};
  std::array<char, 65536> packed;
};

GzipWriter::GzipWriter(int level, Sink sink) : state_(std::make_unique<State>(level, std::move(sink))) {}
GzipWriter::~GzipWriter() = default;

void GzipWriter::write(const void* data, size_t size) {
  const auto* next = static_cast<const Bytef*>(data);
  while (size > 0) {
    const size_t piece = std::min(size, kLargestPiece);
    state_->stream.next_in = const_cast<Bytef*>(next);
    state_->stream.avail_in = static_cast<uInt>(piece);
    state_->pump(Z_NO_FLUSH);
    next += piece;
    size -= piece;
  }
}

void GzipWriter::finish() { state_->pump(Z_FINISH); }

}  // namespace larmor::imaging
