// Losses by name, and weighted sums of them.
#pragma once
#include <memory>
#include <string>

#include "core/registry.h"
#include "losses/loss.h"

namespace larmor::losses {

using Registry = ComponentRegistry<std::unique_ptr<Loss>>;
const Registry& registry();

/// "0.5*bce + 0.5*dice", "dice", "bce + 2*focal". `options` maps a loss name to its options ({dice: {smooth: 1}}).
/// Error (usage) with the position of a syntax error, an unknown name (nearest told), options for a loss that the sum does not use.
std::unique_ptr<Loss> make_loss(const std::string& expression, const ConfigNode& options);

/// The same checks without making it: adds to `problems`. Returns the options of every loss in the sum, defaults written out.
ConfigNode check_loss(const std::string& expression, const ConfigNode& options, const Place& place, Problems& problems);

}  // namespace larmor::losses
