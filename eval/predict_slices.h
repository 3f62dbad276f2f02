// Slices of any size through a predictor: to the network's size, normalised, predicted in batches, and back to their own size.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "datasets/normalise.h"
#include "eval/predictor.h"
#include "imaging/image.h"

namespace larmor::eval {

struct SliceOptions {
  int64_t size = 256;  ///< side of the square that the network sees
  int64_t batch = 8;   ///< slices in one forward pass
  datasets::NormaliseOptions normalise;
  /// Each member's probabilities of a slice (Predictor::members() times, in one order), at the slice's own size: classes x height x width.
  std::function<void(size_t slice, const at::Tensor& probabilities)> on_member;
};

/// `slices`: 2-D, u8 or f32, with the network's number of channels (assertion). Result: one classes x height x width tensor of
/// probabilities per slice. Error (run) when the network's output is not finite. `on_progress` may throw to stop.
std::vector<at::Tensor> predict_slices(Predictor& predictor, std::span<const imaging::Image> slices, const SliceOptions& options,
                                       const std::function<void(int64_t done)>& on_progress = {});

}  // namespace larmor::eval
