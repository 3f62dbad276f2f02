// Distances between the surfaces of two masks, in 2-D and 3-D: Hausdorff distance and its percentiles (HD, HD95), average symmetric
// surface distance (ASSD) and both directed averages, normalised surface Dice (NSD) at a tolerance.
//
// What a surface consists of differs between libraries, and HD95 with it; two definitions are offered:
//   surfels  the default, of DeepMind's surface-distance: surface elements stand at the corners between 2 x 2 x 2 voxels that are not
//            all alike and weigh as much as their triangles' area (2-D: the contour's length between 2 x 2 pixels). The p-th percentile
//            is the smallest distance within which p % of the area lies; HD_p is the larger of both directions.
//   voxels   MONAI's: the voxels of a mask with a face neighbour outside (beyond the image is outside), each weighing 1; percentiles
//            interpolate linearly between the two nearest ranks.
// ASSD is the mean over the elements of both surfaces together; NSD the share of their weight within the tolerance (inclusive).
// Distances are exact and Euclidean, in mm where the truth's geometry has a spacing, else in pixels (a slice counts as one).
//
// Empty masks. The functions on SurfaceDistances give what the libraries give:
//             one mask empty                                          both empty
//   surfels   HD_p infinity; directed average of the empty one NaN,   HD_p infinity, the rest NaN
//             of the other infinity; ASSD infinity; NSD 0
//   voxels    HD and averages infinity, HD_p below 100 NaN; NSD 0     NaN
// score_surfaces() has one rule that can be averaged, so that a missed lesion never improves a mean (BraTS scores like this):
//   one empty: every distance is the diagonal of the image, NSD is 0;   both empty: every distance is 0, NSD is 1.
#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "imaging/image.h"

namespace larmor::eval {

enum class SurfaceElements { surfels, voxels };
/// "surfels" | "voxels"; another word is an assertion.
SurfaceElements surface_elements_of(const std::string& name);

/// One surface: how far each of its elements is from the other surface, and how much it weighs (mm² or mm; 1 for voxels).
struct SurfaceSide {
  std::vector<double> distances;
  std::vector<double> weights;
};

struct SurfaceDistances {
  SurfaceElements elements = SurfaceElements::surfels;
  SurfaceSide truth;       ///< from the truth's surface to the prediction's
  SurfaceSide prediction;  ///< and back
};

/// Non-zero is inside; one channel of u8 and one size (assertion). A depth of 1 is 2-D. The same for any number of threads.
SurfaceDistances measure_surfaces(const imaging::Image& truth, const imaging::Image& prediction,
                                  SurfaceElements elements = SurfaceElements::surfels, int threads = 1);

/// The percentile (0 to 100) of one direction.
double directed_hausdorff(const SurfaceSide& side, SurfaceElements elements, double percent = 100);
double hausdorff(const SurfaceDistances& surfaces, double percent = 100, int threads = 1);
double average_distance(const SurfaceSide& side);
double average_symmetric_distance(const SurfaceDistances& surfaces);
/// The share of one surface's weight within the tolerance.
double surface_overlap(const SurfaceSide& side, double tolerance);
double surface_dice(const SurfaceDistances& surfaces, double tolerance);

enum class SurfacesPresent { both, one, none };

/// The distances of one case, by the rule for empty masks above.
struct SurfaceScore {
  SurfacesPresent present = SurfacesPresent::both;
  double hd95 = 0, assd = 0;
  std::vector<double> nsd;  ///< per tolerance
};
SurfaceScore score_surfaces(const SurfaceDistances& surfaces, const std::vector<double>& tolerances, double diagonal, int threads = 1);

/// Of an image of this many voxels, in the unit of the distances; a depth of 1 has no extent.
double diagonal_of(const std::array<int64_t, 3>& size, const imaging::Geometry& geometry);

}  // namespace larmor::eval
