// A synthetic head in axial slices: T1, FLAIR and T1 with contrast of a brain with a tumour.
//
// Skull and scalp, folded grey matter, white matter, ventricles, deep nuclei, fissures, cerebellum and brain stem are analytic shapes
// bent by smooth random fields; coil bias and Rician noise come last. Lengths are in halves of the field of view.
#pragma once
#include <array>
#include <cstdint>
#include <vector>

#include "core/random.h"
#include "imaging/image.h"

namespace larmor::datasets {

/// One lesion: an ellipsoid with a ragged border.
struct PhantomTumour {
  double x = 0, y = 0, z = 0;
  double radius = 0.15;  ///< mean of the two in the plane
  double radius_z = 0.15;
  double stretch = 1;      ///< ratio of the radii in the plane
  double angle = 0;        ///< of the longer one, radians
  double enhancement = 1;  ///< of the rim after contrast, 0 … 1
};

/// What tells one head, and its scan, from another.
struct PhantomHead {
  double half_width = 0, half_length = 0;  ///< at the widest height
  double ventricles = 1;                   ///< relative size
  double folding = 1;                      ///< relative width of sulci
  double tilt = 0, shift_x = 0, shift_y = 0;
  double gain = 1;
  double bias = 0;      ///< SD of the logarithm of the coil's sensitivity
  double noise_sd = 0;  ///< of each part of the complex signal
};

struct PhantomSlice {
  imaging::Image image;  ///< u8, 3 channels: T1, FLAIR, T1CE
  imaging::Image mask;   ///< u8, {0, 255}: all that is abnormal on FLAIR
};

class PhantomBrain {
 public:
  PhantomBrain(RandomKey key, int64_t slices, int64_t size);
  int64_t slices() const { return slices_; }
  /// Slice 0 is at the base, the last one above the head. Thread-safe.
  PhantomSlice render(int64_t slice) const;
  const std::vector<PhantomTumour>& tumours() const { return tumours_; }

 private:
  void place_tumours();

  RandomKey key_;
  int64_t slices_;
  int64_t size_;
  PhantomHead head_;
  std::vector<PhantomTumour> tumours_;
};

}  // namespace larmor::datasets
