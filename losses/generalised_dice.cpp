#include "losses/generalised_dice.h"

#include <ATen/ATen.h>

#include "losses/overlap.h"

namespace larmor::losses {

namespace {

/// Weights of classes (last dimension) from their true sizes; an empty class takes the largest weight of the others.
at::Tensor class_weights(const at::Tensor& truth, const std::string& kind) {
  if (kind == "uniform") return at::ones_like(truth);
  const at::Tensor is_empty = truth == 0;
  const at::Tensor sizes = truth.masked_fill(is_empty, 1);
  const at::Tensor weights = (kind == "square" ? sizes.square() : sizes).reciprocal().masked_fill(is_empty, 0);
  return at::where(is_empty, weights.amax(-1, /*keepdim=*/true), weights);
}

class GeneralisedDice final : public Loss {
 public:
  explicit GeneralisedDice(GeneralisedDiceOptions options) : options_(std::move(options)) {
    overlap_.pooling = options_.pooling;
    overlap_.classes = options_.classes;
  }

  at::Tensor operator()(const at::Tensor& logits, const at::Tensor& target) const override {
    const Pixels pixels = prepare_pixels("generalised_dice", logits, target, options_.ignore_index);
    const RegionSums sums = region_sums("generalised_dice", pixels, overlap_);
    const at::Tensor weights = class_weights(sums.truth, options_.weights);
    const at::Tensor numerator = 2 * (weights * sums.intersection).sum(-1) + options_.smooth;
    const at::Tensor denominator = (weights * (sums.prediction + sums.truth)).sum(-1) + options_.smooth_denominator;
    return (1 - numerator / denominator).mean();
  }

 private:
  GeneralisedDiceOptions options_;
  OverlapOptions overlap_;
};

}  // namespace

OptionTable options_of(GeneralisedDiceOptions& options) {
  OptionTable table;
  table.add("weights", options.weights, "weight of a class from its true size T: 1/T², 1/T, 1", {"square", "simple", "uniform"});
  table.add("pooling", options.pooling, "what one ratio is made of", {"sample", "batch"});
  table.add("smooth", options.smooth, "added to the numerator", at_least(0));
  table.add("smooth_denominator", options.smooth_denominator, "added to the denominator", greater_than(0));
  table.add("classes", options.classes, "classes that count; empty: all", at_least(0));
  table.add("ignore_index", options.ignore_index, "pixels with this target are left out");
  return table;
}

std::unique_ptr<Loss> make_generalised_dice(const GeneralisedDiceOptions& options) { return std::make_unique<GeneralisedDice>(options); }

void register_generalised_dice(Registry& losses) {
  losses.add<GeneralisedDiceOptions>("generalised_dice", "Dice with classes weighted by the inverse of their size",
                                     "Sudre et al. 2017; MONAI 1.6", make_generalised_dice);
}

}  // namespace larmor::losses
