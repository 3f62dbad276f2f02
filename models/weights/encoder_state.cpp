#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "core/error.h"
#include "models/weights/matching.h"
#include "models/weights/weights.h"

namespace larmor::models {

namespace {

constexpr const char* kEncoder = "encoder.";
constexpr std::array<const char*, 2> kClassifiers = {"last_linear.", "fc."};

/// A family of encoders whose names or shapes resemble ours, known by two of its tensors.
struct Lookalike {
  const char* first;
  const char* second;
  const char* name;
};

constexpr std::array<Lookalike, 3> kLookalikes = {{
    {"conv1.0.weight", "layer1.0.se.fc1.weight", "timm's senet154.gluon (or another SENet with a deep stem); wanted: legacy_senet154"},
    {"conv1.weight", "layer1.0.se.fc1.weight", "timm's seresnext50_32x4d (or another SE-ResNet); wanted: legacy_seresnext50_32x4d"},
    {"conv1.weight", "layer1.0.conv1.weight", "a ResNet or ResNeXt without squeeze and excitation; wanted: se_resnext50_32x4d or senet154"},
}};

bool has_name(const NamedTensors& tensors, const std::string& name) {
  return std::any_of(tensors.begin(), tensors.end(), [&](const auto& entry) { return entry.first == name; });
}

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

bool is_encoder(const NamedTensors& tensors) {
  return has_name(tensors, "layer0.conv1.weight") || std::any_of(kLookalikes.begin(), kLookalikes.end(), [&](const Lookalike& family) {
           return has_name(tensors, family.first) && has_name(tensors, family.second);
         });
}

void drop_classifier(NamedTensors& tensors, const std::string& source, std::vector<std::string>& notes) {
  for (const Lookalike& family : kLookalikes) {
    if (has_name(tensors, family.first) && has_name(tensors, family.second)) {
      throw_data_error(fmt::format("{}: these weights are of another network: {}", source, family.name));
    }
  }
  for (const std::string classifier : kClassifiers) {
    const auto count = std::erase_if(tensors, [&](const auto& entry) { return entry.first.starts_with(classifier); });
    if (count > 0) notes.push_back(fmt::format("dropped {} tensors of the classifier '{}'", count, classifier));
  }
}

LoadReport load_encoder_state(Module& model, const NamedTensors& tensors, const std::string& source, const std::string& first_conv_rule) {
  NamedTensors targets = below(model.state_dict(), kEncoder);
  if (targets.empty()) throw_usage_error(fmt::format("{}: this network has no encoder to load", source));
  std::vector<std::string> notes;
  NamedTensors stored = encoder_part(without_prefixes(tensors, notes), notes);
  drop_classifier(stored, source, notes);
  adapt_first(targets, stored, first_conv_rule, notes);
  Matching matching = match(targets, stored);
  require_complete(matching.report, source, "encoder");
  model.drop_inference();
  apply(matching);
  matching.report.notes.insert(matching.report.notes.begin(), notes.begin(), notes.end());
  return matching.report;
}

}  // namespace larmor::models
