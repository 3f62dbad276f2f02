// gzip streams in memory (zlib), one or several members, every checksum verified.
#pragma once
#include <cstddef>
#include <functional>
#include <memory>

#include "imaging/stored.h"

namespace larmor::imaging {

class GzipReader {
 public:
  explicit GzipReader(const FileBytes& file);
  ~GzipReader();
  GzipReader(const GzipReader&) = delete;
  GzipReader& operator=(const GzipReader&) = delete;
  /// Unpacks up to `size` bytes and tells how many; fewer only at the end. Error (data): damaged, cut off.
  size_t read(std::byte* target, size_t size);
  /// Unpacks what is left, into nothing, so that the last checksum is verified too.
  void finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// No byte of gzip becomes more bytes than this.
inline constexpr uint64_t kLargestGzipRatio = 1040;

/// Packs pieces that come one after another.
class GzipWriter {
 public:
  using Sink = std::function<void(const void* data, size_t size)>;
  /// `level` 1 (fast) … 9 (small). `sink` takes the packed bytes as they come.
  GzipWriter(int level, Sink sink);
  ~GzipWriter();
  GzipWriter(const GzipWriter&) = delete;
  GzipWriter& operator=(const GzipWriter&) = delete;
  void write(const void* data, size_t size);
  void finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace larmor::imaging
