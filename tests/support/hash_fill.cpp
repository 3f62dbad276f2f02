#include "tests/support/hash_fill.h"

#include <cmath>
#include <numeric>

#include "core/files.h"

namespace larmor::testing {

namespace {

uint64_t mix(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
  return z ^ (z >> 31);
}

double uniform_at(uint64_t base, uint64_t index) { return 2 * (static_cast<double>(mix(base + index) >> 11) * 0x1p-53) - 1; }

uint64_t base_of(const std::string& name, uint64_t seed) {
  return (static_cast<uint64_t>(crc32(name)) << 32) + (seed + 1) * 0x9E3779B97F4A7C15ull;
}

bool ends_with(const std::string& text, const std::string& end) { return text.ends_with(end); }

}  // namespace

double hash_uniform(const std::string& name, uint64_t index, uint64_t seed) { return uniform_at(base_of(name, seed), index); }

std::vector<float> hash_fill(const std::string& name, int64_t count, uint64_t seed, double scale, double shift) {
  std::vector<float> values(static_cast<size_t>(count));
  const uint64_t base = base_of(name, seed);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(shift + scale * uniform_at(base, i));
  return values;
}

std::vector<int64_t> hash_labels(const std::string& name, int64_t count, uint64_t seed, int64_t classes) {
  std::vector<int64_t> values(static_cast<size_t>(count));
  const uint64_t base = base_of(name, seed);
  for (size_t i = 0; i < values.size(); ++i) {
    const auto label = static_cast<int64_t>(std::floor((uniform_at(base, i) + 1) / 2 * static_cast<double>(classes)));
    values[i] = std::min(label, classes - 1);
  }
  return values;
}

std::vector<float> hash_weight(const std::string& name, const std::vector<int64_t>& shape, uint64_t seed) {
  const int64_t count = std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<>());
  if (ends_with(name, "num_batches_tracked")) return std::vector<float>(static_cast<size_t>(count), 0.0f);
  if (ends_with(name, "running_var")) {
    std::vector<float> values(static_cast<size_t>(count));
    const uint64_t base = base_of(name, seed);
    for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(1 + 0.5 * std::abs(uniform_at(base, i)));
    return values;
  }
  if (ends_with(name, "running_mean") || ends_with(name, "bias")) return hash_fill(name, count, seed, 0.1);
  if (shape.size() <= 1) return hash_fill(name, count, seed, 0.1, 1);
  const double fan_in = static_cast<double>(count / shape[0]);
  return hash_fill(name, count, seed, std::sqrt(4.5 / fan_in));
}

}  // namespace larmor::testing
