#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"
#include "models/weights/matching.h"
#include "models/weights/weights.h"

namespace larmor::models {

namespace {

constexpr const char* kEncoder = "encoder.";
constexpr const char* kClassifier = "last_linear.";

/// Entries whose name begins with `prefix`, without it.
NamedTensors below(const NamedTensors& tensors, const std::string& prefix) {
  NamedTensors found;
  for (const auto& [name, tensor] : tensors) {
    if (name.starts_with(prefix)) found.emplace_back(name.substr(prefix.size()), tensor);
  }
  return found;
}

/// The encoder's part of a whole model; anything else as it is.
NamedTensors encoder_part(NamedTensors stored, std::vector<std::string>& notes) {
  NamedTensors part = below(stored, kEncoder);
  if (part.empty()) return stored;
  notes.push_back(fmt::format("took {} tensors below '{}', left {}", part.size(), kEncoder, stored.size() - part.size()));
  return part;
}

void drop_classifier(NamedTensors& stored, std::vector<std::string>& notes) {
  const auto count = std::erase_if(stored, [](const auto& entry) { return entry.first.starts_with(kClassifier); });
  if (count > 0) notes.push_back(fmt::format("dropped {} tensors of the classifier '{}'", count, kClassifier));
}

/// Adapts the stored first convolution to the network's channels, or takes it out of both lists where the rule keeps start values.
void adapt_first(NamedTensors& targets, NamedTensors& stored, const std::string& rule, std::vector<std::string>& notes) {
  const auto [name, target] = targets.front();
  const auto found = std::find_if(stored.begin(), stored.end(), [&name = name](const auto& entry) { return entry.first == name; });
  if (found == stored.end() || found->second.dim() != 4 || found->second.size(1) != 3 || target.size(1) == 3) return;
  const at::Tensor adapted = adapt_first_convolution(found->second, target.size(1), rule);
  if (adapted.defined()) {
    found->second = adapted;
    notes.push_back(fmt::format("adapted {} from 3 to {} channels ({})", name, target.size(1), rule));
    return;
  }
  notes.push_back(fmt::format("{} keeps its start values: rule {} has none for {} channels", name, rule, target.size(1)));
  stored.erase(found);
  targets.erase(targets.begin());
}

}  // namespace

LoadReport load_encoder_state(Module& model, const NamedTensors& tensors, const std::string& source, const std::string& first_conv_rule) {
  NamedTensors targets = below(model.state_dict(), kEncoder);
  if (targets.empty()) throw_usage_error(fmt::format("{}: this network has no encoder to load", source));
  std::vector<std::string> notes;
  NamedTensors stored = encoder_part(without_prefixes(tensors, notes), notes);
  drop_classifier(stored, notes);
  adapt_first(targets, stored, first_conv_rule, notes);
  Matching matching = match(targets, stored);
  require_complete(matching.report, source, "encoder");
  model.drop_inference();
  apply(matching);
  matching.report.notes.insert(matching.report.notes.begin(), notes.begin(), notes.end());
  return matching.report;
}

}  // namespace larmor::models
