#include "optim/ranger.h"

namespace larmor::optim {

OptionTable options_of(RangerOptions& options) {
  OptionTable table;
  add_moment_options(table, options.moments);
  add_slow_weight_options(table, options.slow);
  return table;
}

std::unique_ptr<Optimizer> make_ranger(const RangerOptions& options, const std::vector<ParameterGroup>& groups) {
  return add_slow_weights(make_radam(RadamOptions{options.moments}, groups), options.slow);
}

void register_ranger(Registry& optimizers) {
  optimizers.add<RangerOptions>("ranger", "Lookahead around RAdam", "mgrankin/over9000; Liu et al. 2020, Zhang et al. 2019", make_ranger);
}

}  // namespace larmor::optim
