// HDF5 files of plain arrays: what data sets are cached in. Other programs (h5dump, h5py, MATLAB) open them too.
//
// Written through libhdf5 in the layout of HDF5 1.8: one group, arrays without chunks or filters, so that a slice is a piece of the file.
// Read by code of ours, which maps the file, checks every address and length before it is used, and refuses whatever the
// writer does not make; libhdf5 trusts too much of what it reads. A block of 512 bytes in front (HDF5's "user block") holds the CRC-32
// of all the rest. Source: HDF5 File Format Specification 3.0, The HDF Group.
#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "core/files.h"
#include "imaging/stored.h"

namespace larmor::imaging {

/// An array in C order; `bytes` points into memory of the caller's or of the file's.
struct Hdf5Array {
  PixelType type = PixelType::u8;
  std::vector<int64_t> shape;  ///< 1 to 8 axes
  std::span<const std::byte> bytes;
  int64_t elements() const;
};
using Hdf5Arrays = std::map<std::string, Hdf5Array>;

/// Writes at most 8 arrays atomically; the same arrays give the same bytes. Names: letters, digits, '_'. Error (run) when the disk refuses.
void write_hdf5(const std::filesystem::path& file, const Hdf5Arrays& arrays);

/// A mapped file; safe to use from several threads.
class Hdf5File {
 public:
  /// Reads the whole file once for its checksum. Error (data), one line with the name: none of these files, cut off, damaged.
  explicit Hdf5File(const std::filesystem::path& file);
  const Hdf5Arrays& arrays() const { return arrays_; }
  const std::string& name() const { return name_; }
  /// Error (data) when there is no such array or it has another type or number of axes.
  const Hdf5Array& at(const std::string& array, PixelType type, size_t axes) const;

 private:
  std::string name_;
  MappedFile map_;
  Hdf5Arrays arrays_;
};

/// The arrays of a file in memory, without its checksum: what the fuzzer tries. Error (data) as above.
Hdf5Arrays parse_hdf5(const FileBytes& file);

}  // namespace larmor::imaging
