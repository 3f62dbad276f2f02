// RangerLars ("Over9000"): Lookahead (lazy start, k 6, alpha .5) around Ralamb. Formulas in lookahead.h and ralamb.h.
//
// State: that of ralamb and slow. Source: mgrankin/over9000.
#pragma once
#include <memory>
#include <vector>

#include "optim/ralamb.h"
#include "optim/registry.h"
#include "optim/slow_weights.h"

namespace larmor::optim {

struct RangerlarsOptions {
  MomentOptions moments;
  SlowWeightOptions slow;
};

OptionTable options_of(RangerlarsOptions& options);
std::unique_ptr<Optimizer> make_rangerlars(const RangerlarsOptions& options, const std::vector<ParameterGroup>& groups);
void register_rangerlars(Registry& optimizers);

}  // namespace larmor::optim
