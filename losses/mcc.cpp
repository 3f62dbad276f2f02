#include "losses/mcc.h"

#include <ATen/ATen.h>

#include "losses/pixels.h"

namespace larmor::losses {

namespace {

class Mcc final : public Loss {
 public:
  explicit Mcc(MccOptions options) : options_(options) {}

  at::Tensor operator()(const at::Tensor& logits, const at::Tensor& target) const override {
    const Pixels pixels = prepare_pixels("mcc", logits, target, options_.ignore_index);
    const at::Tensor p = probabilities(pixels);
    const at::Tensor t = dense_target(pixels);
    const at::Tensor tp = (p * t).sum() + options_.eps;
    const at::Tensor fp = (p * (1 - t)).sum() + options_.eps;
    const at::Tensor fn = ((1 - p) * t).sum() + options_.eps;
    const at::Tensor tn = zero_ignored((1 - p) * (1 - t), pixels).sum() + options_.eps;
    const at::Tensor scale = ((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)).sqrt();
    return 1 - (tp * tn - fp * fn) / scale;
  }

 private:
  MccOptions options_;
};

}  // namespace

OptionTable options_of(MccOptions& options) {
  OptionTable table;
  table.add("eps", options.eps, "added to each of the four counts", greater_than(0));
  table.add("ignore_index", options.ignore_index, "pixels with this target are left out");
  return table;
}

std::unique_ptr<Loss> make_mcc(const MccOptions& options) { return std::make_unique<Mcc>(options); }

void register_mcc(Registry& losses) {
  losses.add<MccOptions>("mcc", "Matthews correlation of soft counts", "Abhishek & Hamarneh 2021; segmentation_models.pytorch 0.6",
                         make_mcc);
}

}  // namespace larmor::losses
