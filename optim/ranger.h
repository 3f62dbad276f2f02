// Ranger of mgrankin/over9000: Lookahead (lazy start, k 6, alpha .5) around RAdam. Formulas in lookahead.h and radam.h.
//
// For the form of lessw2020, with gradient centralisation and other defaults, see ranger_lessw. State: that of radam and slow.
#pragma once
#include <memory>
#include <vector>

#include "optim/radam.h"
#include "optim/registry.h"
#include "optim/slow_weights.h"

namespace larmor::optim {

struct RangerOptions {
  MomentOptions moments;
  SlowWeightOptions slow;
};

OptionTable options_of(RangerOptions& options);
std::unique_ptr<Optimizer> make_ranger(const RangerOptions& options, const std::vector<ParameterGroup>& groups);
void register_ranger(Registry& optimizers);

}  // namespace larmor::optim
