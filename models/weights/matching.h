// Pairs stored tensors with a network's by name (private to weights/).
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "core/tensors.h"
#include "models/weights/weights.h"

namespace larmor::models {

struct Matching {
  LoadReport report;
  std::vector<std::pair<at::Tensor, at::Tensor>> copies;  ///< target, value
  std::vector<at::Tensor> counters;                       ///< num_batches_tracked that the file lacks
};

/// Compares names, shapes and kinds of numbers; changes nothing.
Matching match(const NamedTensors& targets, const NamedTensors& stored);
/// Error (data) when the report is not complete; `network` is what the message calls it.
void require_complete(const LoadReport& report, const std::string& source, const std::string& network);
/// Writes the values.
void apply(const Matching& matching);

/// Removes `module.` and `model.` where every name has it; tells it in `notes`.
NamedTensors without_prefixes(NamedTensors tensors, std::vector<std::string>& notes);

}  // namespace larmor::models
