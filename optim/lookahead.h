// Lookahead around any other optimizer: every k updates the weights w go back to slow weights s, which follow them.
//
//   s <- s + alpha (w - s);  w <- s
//
// start: lazy    s is made at the first meeting, which so does nothing; the first that does comes after 2k updates
//                (mgrankin/over9000 since 2019-08-30, timm; k 6, alpha .5)
//        eager   s is made before the first update; the first meeting comes after k (the paper, lessw2020, pytorch_optimizer)
//
// Updates are counted for each tensor. The inner optimizer's moments are left alone. Evaluation uses the fast weights.
// State: that of the inner optimizer and slow. Source: Zhang et al. 2019.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "core/config.h"
#include "core/options.h"
#include "optim/registry.h"
#include "optim/slow_weights.h"

namespace larmor::optim {

struct LookaheadOptions : SlowWeightOptions {
  std::string inner = "radam";  ///< any optimizer without slow weights of its own
  ConfigNode inner_options;     ///< that optimizer's options, lr among them
};

OptionTable options_of(LookaheadOptions& options);
std::unique_ptr<Optimizer> make_lookahead(const LookaheadOptions& options, const std::vector<ParameterGroup>& groups);
void register_lookahead(Registry& optimizers);

}  // namespace larmor::optim
