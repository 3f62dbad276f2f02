#include "losses/overlap.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include "core/error.h"

namespace larmor::losses {

namespace {

/// The wanted classes of an N x C x S tensor.
at::Tensor select_classes(const std::string& loss, const at::Tensor& per_class, const std::vector<int64_t>& classes) {
  if (classes.empty()) return per_class;
  const int64_t count = per_class.size(1);
  for (const int64_t index : classes) {
    if (index >= count) throw_usage_error(fmt::format("{}.classes: class {}; the network has {} (0 … {})", loss, index, count, count - 1));
  }
  return per_class.index_select(1, at::tensor(classes, per_class.options().dtype(at::kLong)));
}

at::Tensor sum_region(const at::Tensor& per_pixel, const std::string& pooling) {
  if (pooling == "sample") return per_pixel.sum(2);
  if (pooling == "batch") return per_pixel.sum(at::IntArrayRef{0, 2});
  return per_pixel.sum();
}

}  // namespace

OptionTable options_of(OverlapOptions& options) {
  OptionTable table;
  table.add("pooling", options.pooling, "pixels that make one score: a class over the batch, a class of one sample, everything",
            {"batch", "sample", "all"});
  table.add("empty_target", options.empty_target, "a score without true pixels: loss 0 that stays in the mean, or the formula as it is",
            {"zero", "formula"});
  table.add("smooth", options.smooth, "added to the numerator", at_least(0));
  table.add("smooth_denominator", options.smooth_denominator, "added to the denominator; null: the same as smooth", at_least(0));
  table.add("eps", options.eps, "lower bound of the denominator, and of the score inside log", greater_than(0));
  table.add("log", options.log, "-log(score) instead of 1 - score");
  table.add("intersection", options.intersection, "sum of p*t, or of min(p, t); they differ for soft targets only", {"product", "minimum"});
  table.add("classes", options.classes, "classes that count; empty: all", at_least(0));
  table.add("class_weights", options.class_weights, "weights of the mean over classes, one per class of the network; empty: all the same",
            greater_than(0));
  table.add("ignore_index", options.ignore_index, "pixels with this target are left out");
  table.check("class_weights", [&options]() -> std::string {
    const bool has_classes = options.pooling != "all";
    return has_classes || options.class_weights.empty() ? "" : "pooling 'all' has no classes to weight; use 'batch' or 'sample'";
  });
  return table;
}

RegionSums region_sums(const std::string& loss, const Pixels& pixels, const OverlapOptions& options, bool squared) {
  const at::Tensor p = select_classes(loss, probabilities(pixels), options.classes);
  const at::Tensor t = select_classes(loss, dense_target(pixels), options.classes);
  const at::Tensor both = options.intersection == "minimum" ? at::minimum(p, t) : p * t;
  return {sum_region(both, options.pooling), sum_region(squared ? p.square() : p, options.pooling),
          sum_region(squared ? t.square() : t, options.pooling)};
}

at::Tensor overlap_loss(const std::string& loss, const at::Tensor& numerator, const at::Tensor& denominator, const RegionSums& sums,
                        const Pixels& pixels, const OverlapOptions& options) {
  const double smooth_denominator = options.smooth_denominator.value_or(options.smooth);
  const at::Tensor score = (numerator + options.smooth) / (denominator + smooth_denominator).clamp_min(options.eps);
  at::Tensor losses = options.log ? -score.clamp_min(options.eps).log() : 1 - score;
  if (options.empty_target == "zero") losses = losses * (sums.truth > 0);
  const at::Tensor weights = class_row(loss + ".class_weights", options.class_weights, pixels);
  if (weights.defined()) losses = losses * mean_one(select_classes(loss, weights, options.classes)).flatten();
  return losses.mean();
}

}  // namespace larmor::losses
