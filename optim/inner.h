// An optimizer inside another.
#pragma once
#include <string>

#include "core/config.h"

namespace larmor::optim {

/// "" or what is wrong: no such optimizer, or options that it does not take. The options are resolved: defaults are filled in.
std::string resolve_inner(const std::string& name, ConfigNode& options);

}  // namespace larmor::optim
