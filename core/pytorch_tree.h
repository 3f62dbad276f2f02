// Which tensors of a pickle are the weights (private to core/pytorch_file).
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "core/pickle.h"

namespace larmor {

/// The state dict inside a pickle: names and tensors as the tree holds them.
struct FoundState {
  std::vector<std::pair<std::string, PickleRef>> tensors;
  std::vector<std::string> notes;
};

/// A dictionary of tensors is the state dict. A dictionary that holds state dicts gives the first of state_dict, model_state_dict, model,
/// net, network, model_state, weights, params, module, encoder, or the only one; the choice and what was left are told. A network gives its
/// parameters and buffers under their path. Error (data): none, several and none of these names, nested deeper than 64, one name twice,
/// a name that is not UTF-8 text.
FoundState find_state(const PickleTree& tree, const std::string& file);

/// The value of a text key, or nullptr.
const PickleValue* find_key(const PickleTree& tree, const PickleValue& mapping, std::string_view key);
/// True for a stored tensor, also where a reference to one stands (tar archives).
bool is_tensor(const PickleTree& tree, const PickleValue& value);

}  // namespace larmor
