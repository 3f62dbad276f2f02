// Tar archives in memory: the plain files of ustar, GNU and pax archives. Source: POSIX.1-2017, pax, "ustar Interchange Format".
#pragma once
#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace larmor {

struct TarEntry {
  std::string name;
  std::span<const std::byte> content;
};

/// True when the bytes begin with a header whose checksum is right.
bool is_tar(std::span<const std::byte> bytes);
/// Plain files in their order; folders, links and extended headers are passed over. `name` stands for the file in messages.
/// Error (data): cut off, a header with a wrong checksum.
std::vector<TarEntry> read_tar(std::span<const std::byte> bytes, const std::string& name);

}  // namespace larmor
