// Which cases somebody should look at first: one row per case, the most uncertain first.
//
//   uncertainty         mean predictive entropy (eval/uncertainty.h) over the predicted region and its border; where nothing is predicted
//                       the highest entropy of a pixel, so that a lesion that was nearly found stands high in the list
//   entropy_inside      mean over the predicted pixels, of any class; none where nothing is predicted
//   entropy_border      mean over the border: pixels on both sides of the outline, each with a face neighbour across it in its slice
//   mutual_information  mean over the predicted region and its border; of two and more members
//   volume              what is predicted, in mm3 where the case has a spacing, else in pixels (px)
//   volume_low, _high   the smallest and the largest volume that a member alone finds, decided like the prediction (threshold, largest
//                       component); of two and more members
//   most_uncertain_slice  the number of the slice whose entropy is largest in sum, the first of equal ones
//
// Numbers that do not exist are NaN, and empty cells in the table.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/csv.h"
#include "eval/uncertainty.h"
#include "imaging/image.h"

namespace larmor::eval {

/// The members of the slices of one volume. Memory: sums over members; with the largest component also a byte per pixel and member.
class VolumeMembers {
 public:
  VolumeMembers(double threshold, bool largest_component) : threshold_(threshold), largest_component_(largest_component) {}
  /// One member's probabilities (classes x height x width, CPU) of a slice; members come in one order for every slice.
  void add(size_t slice, const at::Tensor& probabilities);
  int64_t members() const { return static_cast<int64_t>(foreground_.size()); }
  /// The maps of a slice that has all its members; their sums are let go.
  Uncertainty take(size_t slice);
  /// Foreground pixels that each member finds in the whole volume. `slice_numbers`: of the slices as they were added.
  std::vector<int64_t> foreground(std::span<const int64_t> slice_numbers);

 private:
  struct Slice {
    MemberSums sums;
    std::vector<imaging::Image> masks;  ///< of the members, where components are to be found
  };
  const double threshold_;
  const bool largest_component_;
  std::vector<Slice> slices_;
  std::vector<int64_t> foreground_;  ///< per member
};

/// What the row of a case is made of.
struct ReviewSums {
  /// Of pixels, and of their entropies and mutual information.
  struct Region {
    int64_t pixels = 0;
    double entropy = 0, information = 0;
  };
  int64_t slices = 0;
  Region inside, border, both;
  double entropy_highest = 0;
  int64_t slice_most = 0;
  double slice_most_entropy = -1;

  /// `mask`: u8 of the entropy's size (assertion), non-zero is inside.
  void add(const imaging::Image& mask, const Uncertainty& uncertainty, int64_t slice_number);
};

struct ReviewRow {
  std::string name;
  int64_t slices = 0, members = 0;
  double uncertainty = 0, entropy_inside = 0, entropy_border = 0, mutual_information = 0;
  double volume = 0, volume_low = 0, volume_high = 0;
  std::string unit;  ///< mm3 | px
  int64_t most_uncertain_slice = 0;
  std::optional<double> dice;  ///< where there is a truth: the mean over classes
};

/// `foreground`: pixels of each member; `voxel_mm3`: NaN where there is no spacing.
ReviewRow review_row(const std::string& name, const ReviewSums& sums, std::span<const int64_t> foreground, double voxel_mm3);
/// The volume of a voxel; NaN where the file stores no spacing.
double voxel_mm3_of(const imaging::Geometry& geometry);
/// The most uncertain first; equal ones by name.
void sort_for_review(std::vector<ReviewRow>& rows);
/// One row each, in their order: case, slices, members, the columns of the prologue, and `dice` where rows have it.
CsvTable review_table(const std::vector<ReviewRow>& rows);

}  // namespace larmor::eval
