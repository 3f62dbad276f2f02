#include "optim/lookahead.h"

#include <fmt/format.h>

#include <map>

#include "optim/inner.h"

namespace larmor::optim {

namespace {

/// "" or why slow weights cannot be put around this optimizer.
std::string reason_against(const std::string& name) {
  constexpr const char* kSlow = "has slow weights of its own; take one without";
  static const std::map<std::string, std::string> reasons = {{"lookahead", kSlow},
                                                             {"ranger", kSlow},
                                                             {"ranger_lessw", kSlow},
                                                             {"rangerlars", kSlow},
                                                             {"schedulefree_adamw", "averages its weights itself; take one that does not"},
                                                             {"muon", "is two optimizers; take a plain one"},
                                                             {"sam", "holds an optimizer itself; put lookahead inside it"}};
  const auto found = reasons.find(name);
  return found == reasons.end() ? "" : fmt::format("'{}' {}", name, found->second);
}

/// "" or what is wrong; resolves the inner options.
std::string check_inner(LookaheadOptions& options) {
  const std::string reason = reason_against(options.inner);
  return reason.empty() ? resolve_inner(options.inner, options.inner_options) : reason;
}

}  // namespace

OptionTable options_of(LookaheadOptions& options) {
  OptionTable table;
  table.add("inner", options.inner, "the optimizer inside");
  table.add_node("inner_options", options.inner_options, "its options, lr among them");
  add_slow_weight_options(table, options);
  table.add("start", options.start, "when the slow weights are made: at the first meeting, or before the first update", {"lazy", "eager"});
  table.check("inner", [&options] { return check_inner(options); });
  return table;
}

std::unique_ptr<Optimizer> make_lookahead(const LookaheadOptions& options, const std::vector<ParameterGroup>& groups) {
  return add_slow_weights(registry().at(options.inner).make(options.inner_options, groups), options);
}

void register_lookahead(Registry& optimizers) {
  optimizers.add<LookaheadOptions>("lookahead", "slow weights around any optimizer", "Zhang et al. 2019", make_lookahead);
}

}  // namespace larmor::optim
