// Rigid registration of two volumes of one subject, of any two sequences, by mutual information (ITK 5).
//
// Mattes' mutual information (Mattes et al., IEEE TMI 22, 2003) of random points in the fixed volume's foreground is maximised by gradient
// descent over three angles and a shift, from smooth to sharp. It starts from the best of three: the scanner's coordinates as they are,
// centres of mass matched, centres of the volumes matched. Points come from a keyed generator and the metric runs in one thread, so that
// the same volumes give the same transform on any number of cores.
//
// The result is checked before it is trusted: see RegistrationResult::failure.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "imaging/image.h"
#include "imaging/transform.h"

namespace larmor::imaging {

struct RegistrationOptions {
  std::vector<double> smoothing_mm{4, 2, 1};  ///< standard deviation of the Gaussian of each level
  int64_t points = 60000;                     ///< of the last level; each one before it takes half as many
  int64_t bins = 32;                          ///< of each axis of the joint histogram
  int64_t iterations = 200;                   ///< the most of a level
  uint64_t seed = 1;
  double most_shift_mm = 80;  ///< a larger shift of the fixed volume's centre is reported as failed
  double most_angle_deg = 45;
  int threads = 1;  ///< of smoothing
};

struct RegistrationResult {
  AffineTransform fixed_to_moving;  ///< rigid, in LPS millimetres, as 3D Slicer's and ITK's files have it
  double information_start = 0;     ///< mutual information (nats) with the scanner's coordinates
  double information = 0;           ///< with the result
  double information_nearby = 0;    ///< the largest of twelve transforms 10 mm or 10 degrees away from the result
  double shift_mm = 0;              ///< of the centre of the fixed volume's foreground
  double angle_deg = 0;
  double overlap = 0;   ///< part of the points that lie inside the moving volume
  std::string failure;  ///< why not to trust the result; empty where nothing speaks against it
};

/// Both volumes: one channel, a spacing, at least 4 voxels along each axis; else Error (data) that calls them by these names.
/// A volume without contrast and a registration that goes astray are reported in `failure`, not thrown.
RegistrationResult register_rigid(const Image& fixed, const Image& moving, const RegistrationOptions& options = {},
                                  const std::string& fixed_name = "fixed", const std::string& moving_name = "moving");

}  // namespace larmor::imaging
