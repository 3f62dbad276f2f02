// Encoders by name (model.encoder). Start values are given by the network that owns the encoder.
#pragma once
#include <memory>

#include "core/registry.h"
#include "models/encoders/encoder.h"

namespace larmor::models::encoders {

using Registry = ComponentRegistry<std::unique_ptr<Encoder>, EncoderArguments>;
const Registry& registry();

}  // namespace larmor::models::encoders
