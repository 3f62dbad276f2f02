#include "optim/rangerlars.h"

namespace larmor::optim {

OptionTable options_of(RangerlarsOptions& options) {
  OptionTable table;
  add_moment_options(table, options.moments);
  add_slow_weight_options(table, options.slow);
  return table;
}

std::unique_ptr<Optimizer> make_rangerlars(const RangerlarsOptions& options, const std::vector<ParameterGroup>& groups) {
  return add_slow_weights(make_ralamb(RalambOptions{options.moments}, groups), options.slow);
}

void register_rangerlars(Registry& optimizers) {
  optimizers.add<RangerlarsOptions>("rangerlars", "Lookahead around Ralamb", "mgrankin/over9000", make_rangerlars);
}

}  // namespace larmor::optim
