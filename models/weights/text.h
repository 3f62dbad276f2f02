// How names and shapes of weights are written in messages (private to weights/).
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace larmor::models {

/// "64x3x7x7"; "scalar" for no dimensions.
std::string format_shape(std::span<const int64_t> shape);
/// Names joined by ", ", fit for one line; after the first `most` only "…".
std::string list_names(const std::vector<std::string>& names, size_t most);

}  // namespace larmor::models
