#include "eval/calibration.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/error.h"

namespace larmor::eval {

namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

double ratio(double numerator, int64_t count) { return count == 0 ? kNone : numerator / static_cast<double>(count); }

}  // namespace

void Calibration::add(const at::Tensor& probabilities, const imaging::Image& truth) {
  LARMOR_ASSERT(probabilities.dim() == 3 && probabilities.size(1) == truth.height() && probabilities.size(2) == truth.width());
  const bool is_binary = probabilities.size(0) == 1;
  const auto [highest, label] = is_binary ? std::tuple{probabilities[0], at::Tensor()} : at::max(probabilities, 0);
  const at::Tensor p = highest.contiguous(), chosen = is_binary ? label : label.to(at::kByte).contiguous();
  const float* values = p.const_data_ptr<float>();
  const uint8_t* classes = is_binary ? nullptr : chosen.const_data_ptr<uint8_t>();
  for (int64_t i = 0; i < truth.voxels(); ++i) {
    const uint8_t mask = truth.data<uint8_t>()[i];
    Sum& sum = sums_[std::min(kBins - 1, static_cast<size_t>(std::max(0.0f, values[i]) * static_cast<float>(kBins)))];
    sum.pixels += 1;
    sum.came_true += is_binary ? mask != 0 : mask == classes[i];
    sum.probability += values[i];
  }
}

std::vector<ReliabilityBin> Calibration::bins() const {
  std::vector<ReliabilityBin> bins;
  for (size_t i = 0; i < kBins; ++i) {
    const Sum& sum = sums_[i];
    bins.push_back({static_cast<double>(i) / kBins, static_cast<double>(i + 1) / kBins, sum.pixels, ratio(sum.probability, sum.pixels),
                    ratio(static_cast<double>(sum.came_true), sum.pixels)});
  }
  return bins;
}

int64_t Calibration::pixels() const {
  int64_t pixels = 0;
  for (const Sum& sum : sums_) pixels += sum.pixels;
  return pixels;
}

double Calibration::expected_error() const {
  double error = 0;
  for (const Sum& sum : sums_) error += std::abs(sum.probability - static_cast<double>(sum.came_true));
  return ratio(error, pixels());
}

}  // namespace larmor::eval
