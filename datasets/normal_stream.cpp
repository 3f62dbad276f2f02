#include "datasets/normal_stream.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

namespace larmor::datasets {

namespace {

constexpr size_t kQuantiles = 65536;
using QuantileTable = std::array<float, kQuantiles>;

/// The z with P(Z > z) = tail, by Newton's method from a start that is near and not above it (where the steps stay monotonic).
double upper_quantile(double tail, double start) {
  double z = start;
  for (int step = 0; step < 60; ++step) {
    const double excess = std::erfc(z / std::numbers::sqrt2) / 2 - tail;
    const double density = std::exp(-z * z / 2) / std::sqrt(2 * std::numbers::pi);
    const double change = excess / density;
    z += change;
    if (std::abs(change) < 1e-12) break;
  }
  return z;
}

/// Quantiles at (i + 1/2) / n; the lower half mirrors the upper, so the mean is exactly zero.
QuantileTable make_table() {
  QuantileTable table;
  double z = 0;
  for (size_t i = kQuantiles / 2; i < kQuantiles; ++i) {
    z = upper_quantile((static_cast<double>(kQuantiles - i) - 0.5) / kQuantiles, z);
    table[i] = static_cast<float>(z);
    table[kQuantiles - 1 - i] = static_cast<float>(-z);
  }
  return table;
}

const QuantileTable& quantiles() {
  static const QuantileTable table = make_table();
  return table;
}

}  // namespace

void NormalStream::fill(std::span<float> values) {
  const QuantileTable& table = quantiles();
  for (size_t begin = 0; begin < values.size(); begin += 8) {
    const std::array<uint32_t, 4> words = philox4x32({static_cast<uint32_t>(block_), static_cast<uint32_t>(block_ >> 32), 0, 0},
                                                     {static_cast<uint32_t>(key_), static_cast<uint32_t>(key_ >> 32)});
    ++block_;
    const size_t count = std::min<size_t>(8, values.size() - begin);
    for (size_t i = 0; i < count; ++i) values[begin + i] = table[(words[i / 2] >> (16 * (i % 2))) & 0xFFFF];
  }
}

}  // namespace larmor::datasets
