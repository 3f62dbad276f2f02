// One subject from its scans to what a network is trained on and sees: the steps that `larmor prepare siberian` and `larmor predict`
// share.
//
// Axes turned to LPS, bias fields removed on request, every sequence registered rigidly to T1CE, all resampled linearly (labels by nearest
// voxel) onto the grid of T1CE around the head, and each scaled by its percentiles in the head. A sequence's result does not depend on
// which other ones are prepared beside it.
#pragma once
#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "datasets/siberian_raw.h"
#include "imaging/registration.h"
#include "imaging/resample.h"

namespace larmor::datasets {

/// The sequence that the others are registered to, and whose grid is kept.
inline constexpr const char* kReferenceSequence = "T1CE";

/// What decides a prepared volume besides its inputs.
struct PreparationOptions {
  int64_t size = 256;                  ///< side of the axial slices in voxels
  double spacing_mm = 0;               ///< of the grid, isotropic; 0: T1CE's own
  bool crop = true;                    ///< centre on the head and keep its slices; else centre on T1CE's volume and keep all
  bool bias_field = false;             ///< N4 on every sequence
  std::string registration = "rigid";  ///< rigid | none: the scanner's coordinates are right as they are
  std::string label_on = "T1CE";       ///< the sequence that the label was drawn on
  int64_t registration_points = 60000;
  double low_percentile = 0.5;  ///< of the head's voxels; becomes 0
  double high_percentile = 99.5;
};

/// Error (usage) "prepare: …" for what is out of bounds, for unknown sequences, and where T1CE is not among them.
void check(const PreparationOptions& options, const std::vector<std::string>& sequences);

/// For provenance, and back. Error (data) that begins with `file` where a fact is missing, of another kind or out of bounds.
nlohmann::json to_json(const PreparationOptions& options);
PreparationOptions preparation_from(const nlohmann::json& stored, const std::string& file);

/// The values between which a sequence was scaled.
struct IntensityRange {
  double low = 0, high = 0;
};

struct PreparedVolume {
  std::string failure;           ///< why the subject cannot be used, which is no fault of its files; then all else is empty
  imaging::Grid grid;            ///< of the prepared volume, LPS
  imaging::Grid scan;            ///< T1CE's own, as stored
  int64_t sequences = 0;         ///< how many
  std::vector<uint16_t> images;  ///< sequence x z x y x x, 0 … 65535 from low to high, in the order in which they were asked for
  imaging::Image label;          ///< u8 on the grid; without voxels where no labels were asked for
  std::map<std::string, imaging::RegistrationResult> registration;  ///< of all but T1CE, where registration is rigid
  std::map<std::string, IntensityRange> intensity;
  /// Slice z of a sequence (its place in the order asked for) as a 2-D u16 image.
  imaging::Image image(size_t sequence, int64_t z) const;
};

/// `sequences`: which ones, T1CE among them; the subject must have them. `labels`: the values that its label may have; empty: the label
/// is not read. Error (data): files that cannot be read, unknown label values, a head larger than the grid; begins with the file.
PreparedVolume prepare_subject(const RawSubject& subject, const std::vector<std::string>& sequences, const PreparationOptions& options,
                               const std::map<std::string, int64_t>& labels);

/// A volume on the prepared grid as T1CE's own scan sees it: label maps (integers) by nearest voxel, f32 linearly; `outside`: the value of
/// voxels that the prepared grid does not reach.
imaging::Image to_scan(const imaging::Image& prepared, const imaging::Grid& scan, double outside = 0);

/// For provenance: transform, shift, angle, information, overlap.
nlohmann::json to_json(const imaging::RegistrationResult& result);
nlohmann::json to_json(const imaging::Geometry& geometry);

}  // namespace larmor::datasets
