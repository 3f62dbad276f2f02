// Checks of saved state: of an optimizer, of a weight average.
#pragma once
#include <string>

#include "core/tensors.h"

namespace larmor::optim {

/// Error (data) with `source` ("last.safetensors: optimizer") in front when `given` has not exactly the names, shapes and types of
/// `expected`.
void check_state(const NamedTensors& expected, const NamedTensors& given, const std::string& source);

/// Copies by name; check_state() has been passed.
void copy_state(const NamedTensors& from, const NamedTensors& to);

}  // namespace larmor::optim
