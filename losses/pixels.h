// What every loss does first: bring logits and target into one layout, leave out ignored pixels. Internal to losses/.
//
// A target of integers without channels (N x …, or N x 1 x … where there are several logits) holds class indices, and classes exclude
// each other: softmax. A target with the shape of the logits holds one value in [0, 1] per channel: sigmoid. With one channel,
// integers are 0 and 1.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace larmor::losses {

/// Logits and target as N x C x S (S: pixels). Exactly one of `labels` and `values` is defined.
struct Pixels {
  at::Tensor logits;   ///< N x C x S, float32 or float64; 0 where ignored, so that nothing flows back from there
  at::Tensor labels;   ///< N x S int64: class indices; 0 where ignored
  at::Tensor values;   ///< N x C x S, dtype of the logits; 0 where ignored
  at::Tensor counted;  ///< N x 1 x S (labels) or N x C x S (values), 1 or 0 in the dtype of the logits; undefined when all pixels count
  int64_t classes() const { return logits.size(1); }
};

/// Half and bfloat16 become float32. Errors: shapes that do not fit (usage); on the CPU also labels outside 0 … C-1 and values outside
/// [0, 1] (data). On other devices these are not looked for, as that would stop the queue. `loss` names the loss in messages.
Pixels prepare_pixels(const std::string& loss, const at::Tensor& logits, const at::Tensor& target, std::optional<int64_t> ignore_index);

/// The target as N x C x S in the dtype of the logits, labels one-hot; 0 where ignored.
at::Tensor dense_target(const Pixels& pixels);
/// Softmax for labels, else sigmoid; 0 where ignored.
at::Tensor probabilities(const Pixels& pixels);
/// Zeroes what stands at ignored pixels of an N x C x S tensor.
at::Tensor zero_ignored(const at::Tensor& per_pixel, const Pixels& pixels);

/// reduction "sum": the sum of an N x C x S (or N x 1 x S) tensor over counted pixels. "mean": that divided by the number of counted
/// elements, or by the number of all where `over_all`; 0 when none counts.
at::Tensor reduce_pixels(const at::Tensor& per_pixel, const Pixels& pixels, const std::string& reduction, bool over_all = false);

/// One weight per class as 1 x C x 1 beside `pixels.logits`; undefined for an empty list. Error (usage) unless there are C of them,
/// naming `key` ("bce.pos_weight").
at::Tensor class_row(const std::string& key, const std::vector<double>& weights, const Pixels& pixels);
/// Weights scaled to the mean 1, so that a plain mean becomes a weighted one.
at::Tensor mean_one(const at::Tensor& weights);

}  // namespace larmor::losses
