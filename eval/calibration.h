// Whether probabilities mean what they say: of the pixels given 0.8, are 80 % right?
//
// Pixels are sorted into 15 bins of equal width over [0, 1] by a probability p, and each bin's mean p is compared with how often it came
// true. One class: p is the probability of the lesion, true is a lesion in the mask. Several: p is that of the most probable class, true
// is that class in the mask. The expected calibration error (ECE) is the mean of |mean p - share that came true| over bins, weighted by
// their pixels (Naeini et al. 2015; Guo et al. 2017). Background far from any lesion is most of a picture and easily right: read the ECE
// with the table of bins.
#pragma once
#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <vector>

#include "imaging/image.h"

namespace larmor::eval {

struct ReliabilityBin {
  double low = 0, high = 0;  ///< p at or above low and below high; the last bin holds 1 too
  int64_t pixels = 0;
  double probability = 0;  ///< mean p; NaN without pixels
  double share = 0;        ///< of the pixels that came true; NaN without pixels
};

class Calibration {
 public:
  /// classes x height x width probabilities (float32, CPU) and the mask of that size (assertion). One class: non-zero is lesion.
  void add(const at::Tensor& probabilities, const imaging::Image& truth);
  std::vector<ReliabilityBin> bins() const;
  int64_t pixels() const;
  double expected_error() const;  ///< NaN without pixels

 private:
  static constexpr size_t kBins = 15;
  struct Sum {
    int64_t pixels = 0, came_true = 0;
    double probability = 0;
  };
  std::array<Sum, kBins> sums_{};
};

}  // namespace larmor::eval
