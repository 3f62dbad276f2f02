// Tasks by name (task.name). `classes` is the network's number of output channels.
#pragma once
#include <memory>

#include "core/registry.h"
#include "eval/task.h"

namespace larmor::eval {

using Registry = ComponentRegistry<std::unique_ptr<Task>, int64_t>;
const Registry& registry();

}  // namespace larmor::eval
