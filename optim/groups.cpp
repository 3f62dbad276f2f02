#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "core/error.h"
#include "optim/optimizer.h"

namespace larmor::optim {

namespace {

bool is_bias(const std::string& name) { return name == "bias" || name.ends_with(".bias"); }

/// The names of 1-D weights and of the biases beside them.
std::set<std::string> norm_names(const NamedTensors& parameters) {
  std::set<std::string> names;
  for (const auto& [name, tensor] : parameters) {
    if (tensor.dim() != 1 || !(name == "weight" || name.ends_with(".weight"))) continue;
    names.insert(name);
    names.insert(name.substr(0, name.size() - std::string_view("weight").size()) + "bias");
  }
  return names;
}

bool is_kind(const std::string& pattern) { return pattern == "bias" || pattern == "norm"; }

bool fits(const std::string& pattern, const std::string& name, const std::set<std::string>& norms) {
  if (pattern == "bias") return is_bias(name);
  if (pattern == "norm") return norms.contains(name);
  return fits_pattern(pattern, name);
}

void check_patterns(const NamedTensors& parameters, const std::vector<GroupRule>& rules) {
  for (const GroupRule& rule : rules) {
    for (const std::string& pattern : rule.patterns) {
      if (is_kind(pattern)) continue;
      const auto is_hit = [&](const auto& entry) { return fits_pattern(pattern, entry.first); };
      if (std::any_of(parameters.begin(), parameters.end(), is_hit)) continue;
      throw_usage_error(fmt::format("parameter group '{}' fits no parameter; write names with * (encoder.*), or bias, or norm", pattern));
    }
  }
}

}  // namespace

bool fits_pattern(std::string_view pattern, std::string_view name) {
  const size_t star = pattern.find('*');
  if (star == std::string_view::npos) return pattern == name;
  if (!name.starts_with(pattern.substr(0, star))) return false;
  const std::string_view rest = pattern.substr(star + 1);
  for (size_t skip = star; skip <= name.size(); ++skip) {
    if (fits_pattern(rest, name.substr(skip))) return true;
  }
  return false;
}

std::vector<ParameterGroup> make_groups(const NamedTensors& parameters, const std::vector<GroupRule>& rules) {
  check_patterns(parameters, rules);
  const std::set<std::string> norms = norm_names(parameters);
  std::vector<ParameterGroup> groups;
  groups.reserve(rules.size() + 1);
  for (const GroupRule& rule : rules) groups.push_back({{}, rule.lr_factor, rule.weight_decay});
  groups.emplace_back();
  for (const auto& [name, tensor] : parameters) {
    if (!tensor.requires_grad()) continue;
    const auto takes = [&, &parameter = name](const GroupRule& rule) {
      return std::any_of(rule.patterns.begin(), rule.patterns.end(), [&](const std::string& p) { return fits(p, parameter, norms); });
    };
    const auto rule = std::find_if(rules.begin(), rules.end(), takes);
    groups[static_cast<size_t>(rule - rules.begin())].parameters.emplace_back(name, tensor);
  }
  std::erase_if(groups, [](const ParameterGroup& group) { return group.parameters.empty(); });
  return groups;
}

}  // namespace larmor::optim
