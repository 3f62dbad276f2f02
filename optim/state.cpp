#include "optim/state.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/error.h"

namespace larmor::optim {

namespace {

using ByName = std::map<std::string, at::Tensor>;

ByName by_name(const NamedTensors& tensors) { return {tensors.begin(), tensors.end()}; }

std::string describe(const at::Tensor& tensor) {
  return fmt::format("{} [{}]", c10::toString(tensor.scalar_type()), fmt::join(tensor.sizes(), ", "));
}

/// Names in `of` that `in` lacks: "'a' and 3 more", "" when none.
std::string absent_names(const ByName& of, const ByName& in) {
  std::string first;
  size_t others = 0;
  for (const auto& [name, tensor] : of) {
    if (in.contains(name)) continue;
    if (first.empty()) {
      first = "'" + name + "'";
    } else {
      ++others;
    }
  }
  return others == 0 ? first : fmt::format("{} and {} more", first, others);
}

}  // namespace

void check_state(const NamedTensors& expected, const NamedTensors& given, const std::string& source) {
  const ByName wanted = by_name(expected);
  const ByName found = by_name(given);
  if (const std::string missing = absent_names(wanted, found); !missing.empty()) {
    throw_data_error(fmt::format("{}: lacks {}; it was saved by another optimizer or model", source, missing));
  }
  if (const std::string unknown = absent_names(found, wanted); !unknown.empty()) {
    throw_data_error(fmt::format("{}: has unknown {}; it was saved by another optimizer or model", source, unknown));
  }
  for (const auto& [name, tensor] : wanted) {
    const at::Tensor& other = found.at(name);
    if (other.sizes() == tensor.sizes() && other.scalar_type() == tensor.scalar_type()) continue;
    throw_data_error(fmt::format("{}: '{}' is {}, must be {}", source, name, describe(other), describe(tensor)));
  }
}

void copy_state(const NamedTensors& from, const NamedTensors& to) {
  const ByName found = by_name(from);
  for (const auto& [name, tensor] : to) tensor.copy_(found.at(name));
}

}  // namespace larmor::optim
