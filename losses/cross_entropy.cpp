#include "losses/cross_entropy.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <limits>

#include "core/error.h"
#include "losses/pixels.h"

namespace larmor::losses {

namespace {

constexpr int64_t kNoLabel = -1;  // stands at ignored pixels; no class has it

class CrossEntropy final : public Loss {
 public:
  explicit CrossEntropy(CrossEntropyOptions options) : options_(std::move(options)) {}

  at::Tensor operator()(const at::Tensor& logits, const at::Tensor& target) const override {
    const Pixels pixels = prepare_pixels("cross_entropy", logits, target, options_.ignore_index);
    if (pixels.classes() < 2) throw_usage_error("cross_entropy: one logit channel; must be 2 or more (bce is for one)");
    const at::Tensor row = class_row("cross_entropy.weight", options_.weight, pixels);
    const at::Tensor weight = row.defined() ? row.flatten() : row;
    return pixels.labels.defined() ? of_labels(pixels, weight) : of_probabilities(pixels, weight);
  }

 private:
  at::Tensor of_labels(const Pixels& pixels, const at::Tensor& weight) const {
    at::Tensor labels = pixels.labels;
    if (pixels.counted.defined()) labels = labels.masked_fill(pixels.counted.squeeze(1) == 0, kNoLabel);
    at::Tensor sum = at::cross_entropy_loss(pixels.logits, labels, weight, at::Reduction::Sum, kNoLabel, options_.label_smoothing);
    if (options_.reduction == "sum") return sum;
    const double all = static_cast<double>(std::max<int64_t>(labels.numel(), 1));
    if (options_.ignore_average == "smp" || !(weight.defined() || pixels.counted.defined())) return sum / all;
    const at::Tensor weights =
        weight.defined() ? weight.index_select(0, pixels.labels.flatten()).view({labels.size(0), 1, -1}) : at::ones_like(pixels.counted);
    // All weights may be 0 or all pixels ignored: then the sum is 0 too.
    return sum / zero_ignored(weights, pixels).sum().clamp_min(std::numeric_limits<float>::min());
  }

  at::Tensor of_probabilities(const Pixels& pixels, const at::Tensor& weight) const {
    const double smoothing = options_.label_smoothing;
    at::Tensor truth = pixels.values * (1 - smoothing) + smoothing / static_cast<double>(pixels.classes());
    if (weight.defined()) truth = truth * weight.view({1, -1, 1});
    const at::Tensor losses = zero_ignored(-truth * pixels.logits.log_softmax(1), pixels).sum(1, /*keepdim=*/true);
    if (options_.reduction == "sum") return losses.sum();
    if (options_.ignore_average == "smp" || !pixels.counted.defined()) return losses.sum() / static_cast<double>(losses.numel());
    return losses.sum() / pixels.counted.amax(1).sum().clamp_min(1);  // a pixel counts when any of its channels does
  }

  CrossEntropyOptions options_;
};

}  // namespace

OptionTable options_of(CrossEntropyOptions& options) {
  OptionTable table;
  table.add("weight", options.weight, "one per class; empty: all 1", at_least(0));
  table.add("label_smoothing", options.label_smoothing, "share of the target that is spread evenly over all classes", between(0, 1));
  table.add("reduction", options.reduction, "how pixels are joined", {"mean", "sum"});
  table.add("ignore_average", options.ignore_average,
            "the mean divides by the counted pixels' weights, or (smp) by the number of all pixels", {"counted", "smp"});
  table.add("ignore_index", options.ignore_index, "pixels with this target are left out");
  return table;
}

std::unique_ptr<Loss> make_cross_entropy(const CrossEntropyOptions& options) { return std::make_unique<CrossEntropy>(options); }

void register_cross_entropy(Registry& losses) {
  losses.add<CrossEntropyOptions>("cross_entropy", "softmax cross-entropy over classes",
                                  "torch.nn.CrossEntropyLoss; segmentation_models.pytorch 0.6 SoftCrossEntropy", make_cross_entropy);
}

}  // namespace larmor::losses
