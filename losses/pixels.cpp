#include "losses/pixels.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "core/error.h"

namespace larmor::losses {

namespace {

std::string shape_text(at::IntArrayRef shape) { return fmt::format("{}", fmt::join(shape.begin(), shape.end(), "x")); }

std::vector<int64_t> without_channels(const at::Tensor& logits) {
  std::vector<int64_t> shape = logits.sizes().vec();
  shape.erase(shape.begin() + 1);
  return shape;
}

/// Class indices rather than one value per channel. Error when the shape is neither.
bool holds_labels(const std::string& loss, const at::Tensor& logits, const at::Tensor& target) {
  if (logits.dim() < 2) throw_usage_error(fmt::format("{}: logits {}; must be N x C x …", loss, shape_text(logits.sizes())));
  if (target.sizes() == logits.sizes()) return false;
  const std::vector<int64_t> plain = without_channels(logits);
  std::vector<int64_t> one_channel = plain;
  one_channel.insert(one_channel.begin() + 1, 1);
  const bool is_integral = at::isIntegralType(target.scalar_type(), /*includeBool=*/true);
  if (is_integral && (target.sizes() == at::IntArrayRef(plain) || target.sizes() == at::IntArrayRef(one_channel))) return true;
  throw_usage_error(fmt::format("{}: target {} ({}) does not fit logits {}; allowed: class indices {} (int64), values {} (float)", loss,
                                shape_text(target.sizes()), c10::toString(target.scalar_type()), shape_text(logits.sizes()),
                                shape_text(plain), shape_text(logits.sizes())));
}

/// Only on the CPU: elsewhere reading the extremes back would make the host wait for the device.
void check_range(const std::string& loss, const at::Tensor& target, double high, const std::string& advice) {
  if (!target.device().is_cpu() || target.numel() == 0) return;
  const auto [lowest, highest] = at::aminmax(target);
  const double low_value = lowest.item<double>();
  const double high_value = highest.item<double>();
  if (low_value >= 0 && high_value <= high) return;
  const double wrong = low_value >= 0 ? high_value : low_value;
  throw_data_error(fmt::format("{}: target value {}; allowed: 0 … {}; {}", loss, wrong, high, advice));
}

}  // namespace

Pixels prepare_pixels(const std::string& loss, const at::Tensor& logits, const at::Tensor& target, std::optional<int64_t> ignore_index) {
  const bool labelled = holds_labels(loss, logits, target);
  const int64_t samples = logits.size(0);
  const int64_t classes = logits.size(1);
  const bool is_narrow = logits.scalar_type() != at::kFloat && logits.scalar_type() != at::kDouble;

  const int64_t size = c10::multiply_integers(logits.sizes().slice(2));

  Pixels pixels;
  pixels.logits = (is_narrow ? logits.to(at::kFloat) : logits).reshape({samples, classes, size});
  const at::ScalarType dtype = pixels.logits.scalar_type();
  // One channel has no other class to exclude: its labels are values.
  const bool use_labels = labelled && classes > 1;
  at::Tensor flat = target.to(use_labels ? at::kLong : dtype).reshape({samples, use_labels ? 1 : classes, size});
  if (ignore_index) {
    const at::Tensor ignored = flat == *ignore_index;
    flat = flat.masked_fill(ignored, 0);
    pixels.logits = pixels.logits.masked_fill(ignored, 0);
    pixels.counted = ignored.logical_not().to(dtype);
  }
  const std::string advice = ignore_index ? fmt::format("{} is ignored", *ignore_index) : "a label to leave out needs ignore_index";
  check_range(loss, flat, use_labels ? static_cast<double>(classes - 1) : 1, advice);
  if (use_labels) {
    pixels.labels = flat.squeeze(1);
  } else {
    pixels.values = flat;
  }
  return pixels;
}

at::Tensor dense_target(const Pixels& pixels) {
  if (pixels.values.defined()) return pixels.values;
  const at::Tensor zeros = at::zeros(pixels.logits.sizes(), pixels.logits.options());
  return zero_ignored(zeros.scatter(1, pixels.labels.unsqueeze(1), 1), pixels);
}

at::Tensor probabilities(const Pixels& pixels) {
  const at::Tensor all = pixels.labels.defined() ? pixels.logits.softmax(1) : pixels.logits.sigmoid();
  return zero_ignored(all, pixels);
}

at::Tensor zero_ignored(const at::Tensor& per_pixel, const Pixels& pixels) {
  return pixels.counted.defined() ? per_pixel * pixels.counted : per_pixel;
}

at::Tensor reduce_pixels(const at::Tensor& per_pixel, const Pixels& pixels, const std::string& reduction, bool over_all) {
  at::Tensor sum = zero_ignored(per_pixel, pixels).sum();
  if (reduction == "sum") return sum;
  if (over_all || !pixels.counted.defined()) return sum / static_cast<double>(std::max<int64_t>(per_pixel.numel(), 1));
  return sum / pixels.counted.expand_as(per_pixel).sum().clamp_min(1);
}

at::Tensor class_row(const std::string& key, const std::vector<double>& weights, const Pixels& pixels) {
  if (weights.empty()) return {};
  if (static_cast<int64_t>(weights.size()) != pixels.classes()) {
    throw_usage_error(fmt::format("{}: {} numbers; must be {}, one per class", key, weights.size(), pixels.classes()));
  }
  return at::tensor(weights, at::kDouble).to(pixels.logits.options()).view({1, -1, 1});
}

at::Tensor mean_one(const at::Tensor& weights) { return weights / weights.mean(); }

}  // namespace larmor::losses
