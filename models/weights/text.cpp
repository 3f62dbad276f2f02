#include "models/weights/text.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/error.h"

namespace larmor::models {

namespace {

/// Names from foreign files may hold anything; in_quotes makes them printable.
std::string printable(const std::string& name) {
  const std::string quoted = in_quotes(name);
  return quoted.substr(1, quoted.size() - 2);
}

}  // namespace

std::string format_shape(std::span<const int64_t> shape) { return shape.empty() ? "scalar" : fmt::format("{}", fmt::join(shape, "x")); }

std::string list_names(const std::vector<std::string>& names, size_t most) {
  std::string text;
  for (size_t i = 0; i < names.size() && i < most; ++i) text += (i ? ", " : "") + printable(names[i]);
  return names.size() > most ? text + ", …" : text;
}

}  // namespace larmor::models
