// Optimizers by name (optim.name).
#pragma once
#include <memory>
#include <vector>

#include "core/registry.h"
#include "optim/optimizer.h"

namespace larmor::optim {

using Registry = ComponentRegistry<std::unique_ptr<Optimizer>, std::vector<ParameterGroup>>;
const Registry& registry();

}  // namespace larmor::optim
