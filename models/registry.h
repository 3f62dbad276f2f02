// Networks by name (model.name). The product has freshly initialised weights (see models/init.h: keyed by seed and parameter name).
#pragma once
#include <memory>

#include "core/registry.h"
#include "models/segmenter.h"

namespace larmor::models {

/// `seed` keys the initial weights.
using Registry = ComponentRegistry<std::shared_ptr<Segmenter>, uint64_t>;
const Registry& registry();

}  // namespace larmor::models
