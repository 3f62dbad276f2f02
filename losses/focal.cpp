#include "losses/focal.h"

#include <ATen/ATen.h>

#include <cmath>
#include <limits>

#include "losses/pixels.h"

namespace larmor::losses {

namespace {

constexpr double kNormEps = 1e-6;  // lower bound of the sum of focal terms

/// Cross-entropy and log(1 - p_true), each N x C x S, finite with finite slopes for every finite logit.
struct Terms {
  at::Tensor cross_entropy;
  at::Tensor log_miss;
};

Terms sigmoid_terms(const at::Tensor& logits, const at::Tensor& truth) {
  const at::Tensor towards_truth = logits * (2 * truth - 1);
  return {at::binary_cross_entropy_with_logits(logits, truth, {}, {}, at::Reduction::None), at::log_sigmoid(-towards_truth)};
}

Terms softmax_terms(const at::Tensor& logits, const at::Tensor& truth) {
  const at::Tensor log_p = logits.log_softmax(1);
  return {-truth * log_p, (1 - log_p.exp()).clamp_min(std::numeric_limits<float>::epsilon()).log()};
}

class Focal final : public Loss {
 public:
  explicit Focal(FocalOptions options) : options_(std::move(options)) {}

  at::Tensor operator()(const at::Tensor& logits, const at::Tensor& target) const override {
    const Pixels pixels = prepare_pixels("focal", logits, target, options_.ignore_index);
    const at::Tensor truth = dense_target(pixels);
    const Terms terms = options_.activation == "softmax" ? softmax_terms(pixels.logits, truth) : sigmoid_terms(pixels.logits, truth);
    const at::Tensor focus = focal_term(terms.log_miss);
    at::Tensor losses = focus * terms.cross_entropy;
    if (options_.alpha) losses = losses * (truth * (2 * *options_.alpha - 1) + (1 - *options_.alpha));
    if (options_.normalized) losses = losses / zero_ignored(focus, pixels).sum(at::IntArrayRef{0, 2}, /*keepdim=*/true).clamp_min(kNormEps);
    const at::Tensor weights = class_row("focal.class_weights", options_.class_weights, pixels);
    if (weights.defined()) losses = losses * mean_one(weights);
    return reduce_pixels(losses, pixels, options_.reduction);
  }

 private:
  /// (1 - p)^gamma through its logarithm: the power itself has no slope at p = 1 for gamma < 1.
  at::Tensor focal_term(const at::Tensor& log_miss) const {
    if (!options_.reduced_threshold) return (options_.gamma * log_miss).exp();
    const double threshold = *options_.reduced_threshold;
    const at::Tensor term = (options_.gamma * (log_miss - std::log(threshold))).exp();
    return term.masked_fill(log_miss > std::log1p(-threshold), 1);
  }

  FocalOptions options_;
};

}  // namespace

OptionTable options_of(FocalOptions& options) {
  OptionTable table;
  table.add("gamma", options.gamma, "power of the focal term; 0: plain cross-entropy", at_least(0));
  table.add("alpha", options.alpha, "weight of true pixels, 1 - alpha of the others; null: both 1", between(0, 1));
  table.add("activation", options.activation, "each class against the rest, or softmax over classes", {"sigmoid", "softmax"});
  table.add("normalized", options.normalized, "divide a class's sum by the sum of its focal terms");
  table.add("reduced_threshold", options.reduced_threshold, "probability of the truth below which the focal term is 1; null: off",
            Bounds{.low = 0, .high = 1, .low_open = true, .high_open = true});
  table.add("class_weights", options.class_weights, "weights of the mean over classes, one per class; empty: all the same",
            greater_than(0));
  table.add("reduction", options.reduction, "how pixels are joined", {"mean", "sum"});
  table.add("ignore_index", options.ignore_index, "pixels with this target are left out");
  return table;
}

std::unique_ptr<Loss> make_focal(const FocalOptions& options) { return std::make_unique<Focal>(options); }

void register_focal(Registry& losses) {
  losses.add<FocalOptions>("focal", "cross-entropy that weighs easy pixels down",
                           "Lin et al. 2017; segmentation_models.pytorch 0.6, MONAI 1.6", make_focal);
}

}  // namespace larmor::losses
