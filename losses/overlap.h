// What Dice, Jaccard, Tversky and generalised Dice share: soft sums over regions, one score per region. Internal to losses/.
//
// With probabilities p and truth t the sums of a region are  I = Σ p·t,  P = Σ p,  T = Σ t.  A score is  (numerator(I) + smooth) /
// max(denominator(I, P, T) + smooth_denominator, eps), its loss 1 - score or -log(score), the result the mean over regions.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/options.h"
#include "losses/pixels.h"

namespace larmor::losses {

struct OverlapOptions {
  std::string pooling = "batch";             ///< region: batch (a class over the batch) | sample (a class of one sample) | all (everything)
  std::string empty_target = "zero";         ///< a region without true pixels: zero (loss 0, still in the mean) | formula (no exception)
  double smooth = 0;                         ///< added to the numerator
  std::optional<double> smooth_denominator;  ///< added to the denominator; null: the same as smooth
  double eps = 1e-7;                         ///< lower bound of the denominator
  bool log = false;                          ///< -log(score) instead of 1 - score
  std::string intersection = "product";      ///< product (Σ p·t) | minimum (Σ min(p, t)); the same for truth of 0 and 1
  std::vector<int64_t> classes;              ///< the classes that count; empty: all
  std::vector<double> class_weights;         ///< weights of the mean over classes, one per class of the network; empty: all the same
  std::optional<int64_t> ignore_index;       ///< pixels with this target are left out
};
/// The rows of the shared options; a loss adds its own.
OptionTable options_of(OverlapOptions& options);

/// One number per region: C (batch), N x C (sample) or a scalar (all).
struct RegionSums {
  at::Tensor intersection;
  at::Tensor prediction;
  at::Tensor truth;
};
/// `squared` sums p² and t² into P and T.
RegionSums region_sums(const std::string& loss, const Pixels& pixels, const OverlapOptions& options, bool squared = false);

/// The mean loss over regions, a scalar. `sums` decide which are empty.
at::Tensor overlap_loss(const std::string& loss, const at::Tensor& numerator, const at::Tensor& denominator, const RegionSums& sums,
                        const Pixels& pixels, const OverlapOptions& options);

}  // namespace larmor::losses
