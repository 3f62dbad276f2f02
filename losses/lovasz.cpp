#include "losses/lovasz.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include "losses/pixels.h"

namespace larmor::losses {

namespace {

constexpr double kNoError = -1;  // error of ignored pixels: sorted behind all others, and cut off at 0

/// The gradient of the Lovász extension at errors sorted downwards. `truth`: R x P, 0 or 1, in that order.
at::Tensor lovasz_gradient(const at::Tensor& truth) {
  const c10::NoGradGuard no_grad;
  const at::Tensor hits = truth.cumsum(1);
  const at::Tensor total = hits.narrow(1, hits.size(1) - 1, 1);
  const at::Tensor joint = total + (1 - truth).cumsum(1);
  const at::Tensor jaccard = 1 - (total - hits) / joint;
  const at::Tensor zero = at::zeros({truth.size(0), 1}, jaccard.options());
  return at::diff(jaccard, 1, 1, zero);
}

/// One loss per row from errors and truth (R x P).
at::Tensor lovasz_rows(const at::Tensor& errors, const at::Tensor& truth) {
  const auto [sorted, order] = errors.sort(/*dim=*/1, /*descending=*/true);
  return (sorted.relu() * lovasz_gradient(truth.gather(1, order))).sum(1);
}

at::Tensor without_ignored(const at::Tensor& errors, const Pixels& pixels) {
  return pixels.counted.defined() ? errors.masked_fill(pixels.counted == 0, kNoError) : errors;
}

class Lovasz final : public Loss {
 public:
  explicit Lovasz(LovaszOptions options) : options_(options) {}

  at::Tensor operator()(const at::Tensor& logits, const at::Tensor& target) const override {
    // In double: which of two nearly equal errors comes first decides their gradients, so it should not hang on rounding.
    const Pixels pixels = prepare_pixels("lovasz", logits.to(at::kDouble), target, options_.ignore_index);
    if (pixels.logits.numel() == 0) return pixels.logits.sum();
    const at::Tensor loss = pixels.labels.defined() ? softmax_loss(pixels) : hinge_loss(pixels);
    return logits.scalar_type() == at::kDouble ? loss : loss.to(at::kFloat);
  }

 private:
  at::Tensor hinge_loss(const Pixels& pixels) const {
    const int64_t rows = options_.per_image ? pixels.logits.size(0) : 1;
    const at::Tensor errors = without_ignored(1 - pixels.logits * (2 * pixels.values - 1), pixels);
    return lovasz_rows(errors.reshape({rows, -1}), pixels.values.reshape({rows, -1})).mean();
  }

  at::Tensor softmax_loss(const Pixels& pixels) const {
    const at::Tensor truth = dense_target(pixels);
    const at::Tensor errors = without_ignored((truth - probabilities(pixels)).abs(), pixels);
    const int64_t groups = options_.per_image ? pixels.logits.size(0) : 1;
    const at::Tensor all_truth = rows_of(truth);
    const at::Tensor losses = lovasz_rows(rows_of(errors), all_truth).view({groups, pixels.classes()});
    const at::Tensor occurs = (all_truth.sum(1) > 0).view_as(losses).to(losses.scalar_type());
    return ((losses * occurs).sum(1) / occurs.sum(1).clamp_min(1)).mean();
  }

  /// N x C x S → one row per class of the batch, or per class and image.
  at::Tensor rows_of(const at::Tensor& per_pixel) const {
    const int64_t classes = per_pixel.size(1);
    if (options_.per_image) return per_pixel.reshape({per_pixel.size(0) * classes, -1});
    return per_pixel.transpose(0, 1).reshape({classes, -1});
  }

  LovaszOptions options_;
};

}  // namespace

OptionTable options_of(LovaszOptions& options) {
  OptionTable table;
  table.add("per_image", options.per_image, "a loss per image, then their mean; else one over the batch");
  table.add("ignore_index", options.ignore_index, "pixels with this target are left out");
  return table;
}

std::unique_ptr<Loss> make_lovasz(const LovaszOptions& options) { return std::make_unique<Lovasz>(options); }

void register_lovasz(Registry& losses) {
  losses.add<LovaszOptions>("lovasz", "Lovász hinge (binary) and Lovász-Softmax (classes): convex Jaccard",
                            "Berman et al. 2018; segmentation_models.pytorch 0.6", make_lovasz);
}

}  // namespace larmor::losses
