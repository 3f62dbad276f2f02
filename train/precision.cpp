#include "train/precision.h"

#include <ATen/ATen.h>
#include <ATen/autocast_mode.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "core/error.h"

namespace larmor::train {

namespace {

constexpr int64_t kGoodStepsBeforeGrowth = 2000;
constexpr double kSmallestFactor = 1.0;

at::ScalarType dtype_of(Precision precision) { return precision == Precision::bf16 ? at::kBFloat16 : at::kHalf; }

}  // namespace

Precision parse_precision(const std::string& name, at::Device device) {
  if (name == "float32") return Precision::float32;
  if (name == "bf16") return Precision::bf16;
  if (name != "fp16") throw_usage_error(unknown_name_message("precision", name, {"float32", "bf16", "fp16"}, ""));
  if (!device.is_cuda()) throw_usage_error("train.precision: fp16 needs --device cuda; on a CPU use float32 or bf16");
  return Precision::fp16;
}

AutocastGuard::AutocastGuard(Precision precision, at::DeviceType device) : active_(precision != Precision::float32), device_(device) {
  if (!active_) return;
  was_enabled_ = at::autocast::is_autocast_enabled(device_);
  was_dtype_ = at::autocast::get_autocast_dtype(device_);
  at::autocast::set_autocast_enabled(device_, true);
  at::autocast::set_autocast_dtype(device_, dtype_of(precision));
  at::autocast::increment_nesting();
}

AutocastGuard::~AutocastGuard() {
  if (!active_) return;
  if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
  at::autocast::set_autocast_enabled(device_, was_enabled_);
  at::autocast::set_autocast_dtype(device_, was_dtype_);
}

at::Tensor LossScaler::scale(const at::Tensor& loss) const { return active_ ? loss * factor_ : loss; }

bool LossScaler::unscale(optim::Optimizer& optimizer) {
  // The norm of scaled fp16 gradients is finite exactly when every gradient is.
  const bool finite = std::isfinite(optimizer.gradient_norm());
  if (!active_) return finite;
  if (!finite) {
    factor_ = std::max(factor_ / 2, kSmallestFactor);
    good_steps_ = 0;
    return false;
  }
  optimizer.scale_gradients(1 / factor_);
  if (++good_steps_ == kGoodStepsBeforeGrowth) {
    factor_ *= 2;
    good_steps_ = 0;
  }
  return true;
}

std::string LossScaler::state() const {
  if (!active_) return "{}";
  return nlohmann::json{{"factor", factor_}, {"good_steps", good_steps_}}.dump();
}

void LossScaler::load_state(const std::string& text) {
  if (!active_) return;
  const nlohmann::json json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  const bool is_ours = json.is_object() && json.contains("factor") && json["factor"].is_number() && json.contains("good_steps") &&
                       json["good_steps"].is_number_integer();
  if (!is_ours) throw_data_error("the loss scaler's state is damaged, or was saved with another train.precision");
  factor_ = json["factor"];
  good_steps_ = json["good_steps"];
}

}  // namespace larmor::train
