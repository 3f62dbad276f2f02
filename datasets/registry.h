// Sources by name (data.source).
#pragma once
#include <memory>

#include "core/registry.h"
#include "datasets/source.h"

namespace larmor::datasets {

using Registry = ComponentRegistry<std::unique_ptr<Source>>;
const Registry& registry();

}  // namespace larmor::datasets
