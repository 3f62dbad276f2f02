#include "optim/adamw.h"

#include "optim/flat_optimizer.h"

namespace larmor::optim {

OptionTable options_of(AdamwOptions& options) { return options_of(static_cast<AdamOptions&>(options)); }

std::unique_ptr<Optimizer> make_adamw(const AdamwOptions& options, const std::vector<ParameterGroup>& groups) {
  return std::make_unique<FlatOptimizer>(make_adam_rule(options, true), groups);
}

void register_adamw(Registry& optimizers) {
  optimizers.add<AdamwOptions>("adamw", "Adam with decoupled weight decay", "Loshchilov & Hutter 2019", make_adamw);
}

}  // namespace larmor::optim
