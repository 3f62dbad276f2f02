#include "models/weights/smp_names.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <unordered_set>

namespace larmor::models {

namespace {

/// Names that begin so; a '#' stands for one digit, which `sign` and `shift` turn into the other side's: other = shift + sign * this.
struct Rule {
  std::string_view old, current;
  int shift = 0, sign = 1;  ///< from old to current
};

constexpr std::array<Rule, 6> kRules = {{
    {"decoder.layer#.block.", "decoder.blocks.#.block.", -1, 1},  // the rest: see below
    {"decoder.conv1.", "decoder.p5."},
    {"decoder.s#.", "decoder.seg_blocks.#.", 5, -1},
    {"decoder.psp.stages.#.pool.1.block.", "decoder.psp.blocks.#.pool.1."},
    {"decoder.conv.block.", "decoder.conv."},
    {"decoder.final_conv.", "segmentation_head.0."},
}};
constexpr size_t kLinkNet = 0;
constexpr std::string_view kInner = "block.";

/// Today's names that only one architecture has all of.
constexpr std::array<std::array<const char*, 3>, 3> kSigns = {{
    {"decoder.blocks.0.block.0.0.weight", "decoder.blocks.0.block.2.0.weight", "segmentation_head.0.weight"},
    {"decoder.p5.weight", "decoder.seg_blocks.0.block.0.block.0.weight", "segmentation_head.0.weight"},
    {"decoder.psp.blocks.0.pool.1.0.weight", "decoder.conv.0.weight", "segmentation_head.0.weight"},
}};

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// True when the name begins with the pattern; `digit` is what stood for '#'.
bool begins_with(std::string_view name, std::string_view pattern, int& digit) {
  if (name.size() < pattern.size()) return false;
  for (size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] != '#') {
      if (name[i] != pattern[i]) return false;
    } else if (is_digit(name[i])) {
      digit = name[i] - '0';
    } else {
      return false;
    }
  }
  return true;
}

/// The pattern with the digit in it; empty where that is no digit.
std::string filled(std::string_view pattern, int digit) {
  std::string text(pattern);
  const size_t at = text.find('#');
  if (at == std::string::npos) return text;
  if (digit < 0 || digit > 9) return "";
  text[at] = static_cast<char>('0' + digit);
  return text;
}

/// LinkNet's "<k>." keeps its number and has another "block." behind it in the old names.
std::string without_inner(std::string_view rest) {
  const bool is_old = rest.size() > 2 && is_digit(rest[0]) && rest[1] == '.' && rest.substr(2).starts_with(kInner);
  return is_old ? fmt::format("{}{}", rest.substr(0, 2), rest.substr(2 + kInner.size())) : "";
}
std::string with_inner(std::string_view rest) {
  const bool is_current = rest.size() > 2 && is_digit(rest[0]) && rest[1] == '.' && is_digit(rest[2]);
  return is_current ? fmt::format("{}{}{}", rest.substr(0, 2), kInner, rest.substr(2)) : "";
}

}  // namespace

std::string current_smp_name(const std::string& name) {
  for (size_t i = 0; i < kRules.size(); ++i) {
    const Rule& rule = kRules[i];
    int digit = 0;
    if (!begins_with(name, rule.old, digit)) continue;
    const std::string begin = filled(rule.current, rule.shift + rule.sign * digit);
    const std::string rest = name.substr(rule.old.size());
    const std::string other = i == kLinkNet ? without_inner(rest) : rest;
    if (!begin.empty() && !other.empty()) return begin + other;
  }
  return name;
}

std::string old_smp_name(const std::string& name) {
  for (size_t i = 0; i < kRules.size(); ++i) {
    const Rule& rule = kRules[i];
    int digit = 0;
    if (!begins_with(name, rule.current, digit)) continue;
    const std::string begin = filled(rule.old, rule.sign * (digit - rule.shift));
    const std::string rest = name.substr(rule.current.size());
    const std::string other = i == kLinkNet ? with_inner(rest) : rest;
    if (!begin.empty() && !other.empty()) return begin + other;
  }
  return name;
}

bool has_smp_decoder(const NamedTensors& tensors) {
  std::unordered_set<std::string> names;
  for (const auto& [name, tensor] : tensors) names.insert(current_smp_name(name));
  return std::any_of(kSigns.begin(), kSigns.end(), [&](const auto& signs) {
    return std::all_of(signs.begin(), signs.end(), [&](const char* sign) { return names.contains(sign); });
  });
}

}  // namespace larmor::models
