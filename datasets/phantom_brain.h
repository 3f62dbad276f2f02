// A synthetic head in axial slices: T1, FLAIR, T1 with contrast and T2 of a brain with a tumour.
//
// Skull and scalp, folded grey matter, white matter, ventricles, deep nuclei, fissures, cerebellum and brain stem are analytic shapes
// bent by smooth random fields; coil bias and Rician noise come last. Lengths are in halves of the field of view.
#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "core/random.h"
#include "imaging/image.h"

namespace larmor::datasets {

/// What grows in the head. Low-grade gliomas are those of the LGG set; the others those of the Siberian set.
enum class PhantomTumourType { low_grade_glioma, meningioma, neurinoma, glioblastoma, astrocytoma };
std::string to_string(PhantomTumourType type);

/// Parts of a tumour, numbered as in label volumes.
enum class TumourClass : uint8_t { none = 0, edema = 1, non_enhancing = 2, enhancing = 3, necrotic = 4 };

/// One lesion: an ellipsoid with a ragged border.
struct PhantomTumour {
  PhantomTumourType type = PhantomTumourType::low_grade_glioma;
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

/// What a perfect scanner sees: coil sensitivity, but no noise.
struct PhantomSignals {
  imaging::Image signal;   ///< f32, 4 channels: T1, FLAIR, T1CE, T2
  imaging::Image classes;  ///< u8, TumourClass
};

class PhantomBrain {
 public:
  PhantomBrain(RandomKey key, int64_t slices, int64_t size, PhantomTumourType type = PhantomTumourType::low_grade_glioma);
  int64_t slices() const { return slices_; }
  /// Slice 0 is at the base, the last one above the head. Thread-safe.
  PhantomSlice render(int64_t slice) const;
  PhantomSignals signals(int64_t slice) const;
  double noise_sd() const { return head_.noise_sd; }
  const std::vector<PhantomTumour>& tumours() const { return tumours_; }

 private:
  void place_tumours();
  void place_tumour_of(PhantomTumourType type);

  RandomKey key_;
  int64_t slices_;
  int64_t size_;
  PhantomHead head_;
  std::vector<PhantomTumour> tumours_;
};

}  // namespace larmor::datasets
