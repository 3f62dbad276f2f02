// What `larmor prepare siberian` leaves: one HDF5 file per session of a subject, and an index.
//
//   OUT/index.json                 which subjects belong to the set, and why others do not
//   OUT/volumes/<name>.h5          images (u16: sequence x z x y x x), label (u8: z x y x x), provenance (JSON text)
//
// A sequence's values run from its low percentile (0) to its high one (65535) of the head, so that every volume and sequence is
// normalised by itself; both percentiles stand in the provenance, with transforms, parameters and checksums of the inputs.
#pragma once
#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "imaging/hdf5.h"

namespace larmor::datasets {

inline constexpr const char* kSiberianIndex = "index.json";
inline constexpr const char* kSiberianVolumes = "volumes";
inline constexpr int64_t kSiberianVersion = 1;

/// What stands in a volume's provenance for every reader.
struct SiberianFacts {
  std::string subject;
  std::string session;
  std::vector<std::string> sequences;     ///< in the order of the array `images`
  std::map<std::string, int64_t> labels;  ///< class → value in the array `label`
  imaging::Geometry geometry;             ///< of the grid, LPS
  std::map<std::string, std::string> metadata;
  std::string key;  ///< SHA-256 over parameters and inputs: equal keys, equal volumes
  std::string name() const { return session.empty() ? subject : subject + "_" + session; }
};

/// Error (data), one line with the file's name: not JSON, of another version, or without one of these facts.
SiberianFacts parse_siberian_facts(const std::string& json_text, const std::string& file);

/// One session, mapped; safe to use from several threads.
class SiberianVolume {
 public:
  /// Error (data): imaging/hdf5.h, parse_siberian_facts(), arrays whose shapes do not fit each other.
  explicit SiberianVolume(const std::filesystem::path& file);
  const SiberianFacts& facts() const { return facts_; }
  const std::array<int64_t, 3>& size() const { return size_; }  ///< x, y, z
  std::string provenance() const;                               ///< the whole JSON text
  /// Slice z as a 2-D u16 (label: u8) image with its place in space.
  imaging::Image image(size_t sequence, int64_t z) const;
  imaging::Image label(int64_t z) const;

 private:
  imaging::Image slice_of(const imaging::Hdf5Array& array, int64_t index, int64_t z) const;

  imaging::Hdf5File file_;
  SiberianFacts facts_;
  std::array<int64_t, 3> size_{};
};

/// Slice z of `slices` as networks see it: these sequences, f32 in [0, 1], interleaved in this order; beyond the ends of the volume the
/// border slice. `stored_at` gives a sequence's slice as stored (u16).
imaging::Image sequences_at(const std::function<imaging::Image(size_t sequence, int64_t z)>& stored_at,
                            const std::vector<size_t>& sequences, int64_t slices, int64_t z);

/// The list of a set's volumes.
struct SiberianIndex {
  struct Entry {
    std::string name;    ///< of subject and session
    std::string reason;  ///< why it was excluded; "" where it was not
    std::string key;     ///< of its volume: another one is there only while, or because, `prepare` was cut
  };
  std::vector<std::string> sequences;
  std::map<std::string, int64_t> labels;
  bool is_phantom = false;
  std::vector<Entry> entries;  ///< sorted by name
};

/// True when the folder holds an index (of whatever version).
bool is_siberian_cache(const std::filesystem::path& folder);
/// Error (data): no such file, damaged, of another version.
SiberianIndex read_siberian_index(const std::filesystem::path& folder);
void write_siberian_index(const std::filesystem::path& folder, const SiberianIndex& index);
std::filesystem::path siberian_volume_file(const std::filesystem::path& folder, const std::string& name);

}  // namespace larmor::datasets
