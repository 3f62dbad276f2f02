#include "optim/lookahead.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace larmor::optim {

namespace {

bool has_slow_weights(const std::string& name) {
  static const std::vector<std::string> names = {"lookahead", "ranger", "ranger_lessw", "rangerlars"};
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// "" or what is wrong; resolves the inner options.
std::string resolve_inner(LookaheadOptions& options) {
  if (has_slow_weights(options.inner)) return fmt::format("'{}' has slow weights of its own; take one without", options.inner);
  const Registry::Component* const inner = registry().find(options.inner);
  if (inner == nullptr) return registry().unknown_message(options.inner);
  Problems problems;
  options.inner_options = inner->resolve(options.inner_options, problems, "inner_options.");
  return fmt::format("{}", fmt::join(problems.lines(), "; "));
}

}  // namespace

OptionTable options_of(LookaheadOptions& options) {
  OptionTable table;
  table.add("inner", options.inner, "the optimizer inside");
  table.add_node("inner_options", options.inner_options, "its options, lr among them");
  add_slow_weight_options(table, options);
  table.add("start", options.start, "when the slow weights are made: at the first meeting, or before the first update", {"lazy", "eager"});
  table.check("inner", [&options] { return resolve_inner(options); });
  return table;
}

std::unique_ptr<Optimizer> make_lookahead(const LookaheadOptions& options, const std::vector<ParameterGroup>& groups) {
  return add_slow_weights(registry().at(options.inner).make(options.inner_options, groups), options);
}

void register_lookahead(Registry& optimizers) {
  optimizers.add<LookaheadOptions>("lookahead", "slow weights around any optimizer", "Zhang et al. 2019", make_lookahead);
}

}  // namespace larmor::optim
