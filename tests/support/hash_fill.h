// The hash fill of the golden files: every weight, input and target from a name, a shape and a seed (tests/golden/README.md).
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace larmor::testing {

/// r(name, index, seed) in [-1, 1].
double hash_uniform(const std::string& name, uint64_t index, uint64_t seed);
/// float32(shift + scale * r) for index 0 … count-1.
std::vector<float> hash_fill(const std::string& name, int64_t count, uint64_t seed, double scale = 1, double shift = 0);
/// min(floor((r+1)/2*k), k-1).
std::vector<int64_t> hash_labels(const std::string& name, int64_t count, uint64_t seed, int64_t classes);
/// A model weight from its state-dict name and shape (table of the golden README).
std::vector<float> hash_weight(const std::string& name, const std::vector<int64_t>& shape, uint64_t seed);

}  // namespace larmor::testing
