#include "losses/tversky.h"

#include <ATen/ATen.h>

#include <cmath>

namespace larmor::losses {

namespace {

constexpr double kLinearBelow = 1e-7;

/// x^gamma, a straight line to 0 below kLinearBelow.
at::Tensor power_from_zero(const at::Tensor& x, double gamma) {
  const at::Tensor is_curved = x > kLinearBelow;
  const at::Tensor curve = at::where(is_curved, x, at::ones_like(x)).pow(gamma);
  return at::where(is_curved, curve, x * std::pow(kLinearBelow, gamma - 1));
}

class Tversky final : public Loss {
 public:
  explicit Tversky(TverskyOptions options) : options_(std::move(options)) {}

  at::Tensor operator()(const at::Tensor& logits, const at::Tensor& target) const override {
    const Pixels pixels = prepare_pixels("tversky", logits, target, options_.overlap.ignore_index);
    const RegionSums sums = region_sums("tversky", pixels, options_.overlap);
    const at::Tensor false_positives = sums.prediction - sums.intersection;
    const at::Tensor false_negatives = sums.truth - sums.intersection;
    const at::Tensor weighted = sums.intersection + options_.alpha * false_positives + options_.beta * false_negatives;
    const at::Tensor loss = overlap_loss("tversky", sums.intersection, weighted, sums, pixels, options_.overlap);
    return options_.gamma == 1 ? loss : power_from_zero(loss, options_.gamma);
  }

 private:
  TverskyOptions options_;
};

}  // namespace

OptionTable options_of(TverskyOptions& options) {
  OptionTable table = options_of(options.overlap);
  table.add("alpha", options.alpha, "weight of false positives", at_least(0));
  table.add("beta", options.beta, "weight of false negatives", at_least(0));
  table.add("gamma", options.gamma, "power of the mean loss (focal Tversky)", greater_than(0));
  return table;
}

std::unique_ptr<Loss> make_tversky(const TverskyOptions& options) { return std::make_unique<Tversky>(options); }

void register_tversky(Registry& losses) {
  losses.add<TverskyOptions>("tversky", "Tversky: Dice with separate weights of false positives and negatives",
                             "Salehi et al. 2017; Abraham & Khan 2019; segmentation_models.pytorch 0.6", make_tversky);
}

}  // namespace larmor::losses
