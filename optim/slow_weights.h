// Slow weights around an optimizer, the part that lookahead, ranger and rangerlars share.
#pragma once
#include <cstdint>
#include <memory>
#include <string>

#include "core/options.h"
#include "optim/optimizer.h"

namespace larmor::optim {

struct SlowWeightOptions {
  int64_t k = 6;
  double alpha = 0.5;
  std::string start = "lazy";  ///< lazy | eager
};

/// Adds k and alpha; `start` is fixed by most optimizers.
void add_slow_weight_options(OptionTable& table, SlowWeightOptions& options);

/// Every k updates of a tensor: s <- s + alpha (w - s), w <- s. Rules in optim/lookahead.h.
/// `inner` must be one of the plain optimizers; Error (usage) when it has slow weights already.
std::unique_ptr<Optimizer> add_slow_weights(std::unique_ptr<Optimizer> inner, const SlowWeightOptions& options);

}  // namespace larmor::optim
