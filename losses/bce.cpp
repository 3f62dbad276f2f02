#include "losses/bce.h"

#include <ATen/ATen.h>

#include "losses/pixels.h"

namespace larmor::losses {

namespace {

class Bce final : public Loss {
 public:
  explicit Bce(BceOptions options) : options_(std::move(options)) {}

  at::Tensor operator()(const at::Tensor& logits, const at::Tensor& target) const override {
    const Pixels pixels = prepare_pixels("bce", logits, target, options_.ignore_index);
    const double s = options_.smooth_factor;
    const at::Tensor truth = dense_target(pixels);
    const at::Tensor smoothed = s == 0 ? truth : truth * (1 - 2 * s) + s;
    at::Tensor pos_weight = class_row("bce.pos_weight", options_.pos_weight, pixels);
    if (pos_weight.defined()) pos_weight = pos_weight.expand_as(pixels.logits);
    const at::Tensor losses = at::binary_cross_entropy_with_logits(pixels.logits, smoothed, {}, pos_weight, at::Reduction::None);
    return reduce_pixels(losses, pixels, options_.reduction, options_.ignore_average == "smp");
  }

 private:
  BceOptions options_;
};

}  // namespace

OptionTable options_of(BceOptions& options) {
  OptionTable table;
  table.add("pos_weight", options.pos_weight, "weight of true pixels, one per class; empty: all 1", at_least(0));
  table.add("smooth_factor", options.smooth_factor, "label smoothing: t becomes (1 - t) s + t (1 - s)", between(0, 1));
  table.add("reduction", options.reduction, "how pixels are joined", {"mean", "sum"});
  table.add("ignore_average", options.ignore_average, "the mean divides by the counted pixels, or (smp) by all, ignored ones too",
            {"counted", "smp"});
  table.add("ignore_index", options.ignore_index, "pixels with this target are left out");
  return table;
}

std::unique_ptr<Loss> make_bce(const BceOptions& options) { return std::make_unique<Bce>(options); }

void register_bce(Registry& losses) {
  losses.add<BceOptions>("bce", "binary cross-entropy on logits", "torch.nn.BCEWithLogitsLoss; segmentation_models.pytorch 0.6 SoftBCE",
                         make_bce);
}

}  // namespace larmor::losses
