// Lesions of two masks against each other: which true ones were found, which predicted ones are hits.
//
// A lesion is a face-connected component; it counts when it is not below the smallest size. A true lesion is found when at least `overlap`
// of its voxels, and at least one, lie in predicted lesions that count. A predicted lesion is a hit when it meets a true lesion that was
// found; it is ignored, neither hit nor false, when all it meets are true lesions too small to count; else it is a false positive. So the
// true lesions are those found and those missed, whatever the predicted ones are.
#pragma once
#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "imaging/image.h"

namespace larmor::eval {

struct LesionOptions {
  double overlap = 0;           ///< 0 to 1; 0: any voxel
  int64_t smallest_voxels = 1;  ///< lesions below do not count
  double smallest_mm3 = 0;      ///< the same, where the voxel's volume is known
};

enum class LesionOutcome { hit, false_positive, ignored, missed };
std::string to_string(LesionOutcome outcome);

/// A predicted lesion, or a true one that was missed.
struct Lesion {
  LesionOutcome outcome = LesionOutcome::missed;
  std::array<int64_t, 3> first{}, last{};  ///< its box: x, y, z of the first and the last voxel inside
  int64_t voxels = 0;
  double confidence_max = 0, confidence_mean = 0;  ///< over its voxels
};

/// Lesions that do not count are in none of the numbers.
struct LesionMatch {
  int64_t truth = 0, found = 0;
  int64_t predicted = 0, hits = 0, false_positives = 0;  ///< the others of `predicted` are ignored
  std::vector<Lesion> lesions;                           ///< predicted ones, then missed ones, each in C order of their first voxel
};

/// Masks of one size, u8 of one channel, non-zero inside; `confidence` has one value per voxel (assertions). `voxel_mm3`: of the masks;
/// 0 where it is not known, then smallest_mm3 has no effect.
LesionMatch match_lesions(const imaging::Image& truth, const imaging::Image& prediction, std::span<const float> confidence,
                          double voxel_mm3, const LesionOptions& options);

}  // namespace larmor::eval
