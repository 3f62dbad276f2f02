#include "losses/dice.h"

#include <ATen/ATen.h>

namespace larmor::losses {

namespace {

class Dice final : public Loss {
 public:
  explicit Dice(DiceOptions options) : options_(std::move(options)) {}

  at::Tensor operator()(const at::Tensor& logits, const at::Tensor& target) const override {
    const Pixels pixels = prepare_pixels("dice", logits, target, options_.overlap.ignore_index);
    const RegionSums sums = region_sums("dice", pixels, options_.overlap, options_.squared);
    return overlap_loss("dice", 2 * sums.intersection, sums.prediction + sums.truth, sums, pixels, options_.overlap);
  }

 private:
  DiceOptions options_;
};

}  // namespace

OptionTable options_of(DiceOptions& options) {
  OptionTable table = options_of(options.overlap);
  table.add("squared", options.squared, "squares of probabilities and truth in the denominator");
  return table;
}

std::unique_ptr<Loss> make_dice(const DiceOptions& options) { return std::make_unique<Dice>(options); }

void register_dice(Registry& losses) {
  losses.add<DiceOptions>("dice", "soft Dice: 1 - 2 |P ∩ T| / (|P| + |T|)",
                          "Milletari et al. 2016; segmentation_models.pytorch 0.6, MONAI 1.6", make_dice);
}

}  // namespace larmor::losses
