#include "losses/jaccard.h"

#include <ATen/ATen.h>

namespace larmor::losses {

namespace {

class Jaccard final : public Loss {
 public:
  explicit Jaccard(JaccardOptions options) : options_(std::move(options)) {}

  at::Tensor operator()(const at::Tensor& logits, const at::Tensor& target) const override {
    const Pixels pixels = prepare_pixels("jaccard", logits, target, options_.overlap.ignore_index);
    const RegionSums sums = region_sums("jaccard", pixels, options_.overlap, options_.squared);
    const at::Tensor joint = sums.prediction + sums.truth - sums.intersection;
    return overlap_loss("jaccard", sums.intersection, joint, sums, pixels, options_.overlap);
  }

 private:
  JaccardOptions options_;
};

}  // namespace

OptionTable options_of(JaccardOptions& options) {
  OptionTable table = options_of(options.overlap);
  table.add("squared", options.squared, "squares of probabilities and truth in the denominator");
  return table;
}

std::unique_ptr<Loss> make_jaccard(const JaccardOptions& options) { return std::make_unique<Jaccard>(options); }

void register_jaccard(Registry& losses) {
  losses.add<JaccardOptions>("jaccard", "soft Jaccard (IoU): 1 - |P ∩ T| / |P ∪ T|", "Rahman & Wang 2016; segmentation_models.pytorch 0.6",
                             make_jaccard);
}

}  // namespace larmor::losses
