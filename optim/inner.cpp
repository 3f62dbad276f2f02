#include "optim/inner.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "optim/registry.h"

namespace larmor::optim {

std::string resolve_inner(const std::string& name, ConfigNode& options) {
  const Registry::Component* const inner = registry().find(name);
  if (inner == nullptr) return registry().unknown_message(name);
  Problems problems;
  options = inner->resolve(options, problems, "inner_options.");
  return fmt::format("{}", fmt::join(problems.lines(), "; "));
}

}  // namespace larmor::optim
