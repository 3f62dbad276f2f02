#include "models/weights/matching.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <unordered_map>
#include <unordered_set>

#include "core/error.h"
#include "models/weights/text.h"

namespace larmor::models {

namespace {

constexpr std::array<const char*, 2> kPrefixes = {"module.", "model."};  // of DataParallel and of training frameworks
constexpr const char* kCounter = "num_batches_tracked";
constexpr size_t kNamesInMessage = 3;

bool all_begin_with(const NamedTensors& tensors, const std::string& prefix) {
  return !tensors.empty() &&
         std::all_of(tensors.begin(), tensors.end(), [&](const auto& entry) { return entry.first.starts_with(prefix); });
}

std::string describe(const LoadReport::ShapeMismatch& mismatch) {
  return fmt::format("{}: {} here, {} in the file", mismatch.name, format_shape(mismatch.expected), format_shape(mismatch.found));
}

}  // namespace

Matching match(const NamedTensors& targets, const NamedTensors& stored) {
  Matching result;
  std::unordered_map<std::string, at::Tensor> by_name(stored.begin(), stored.end());
  std::unordered_set<std::string> known;
  for (const auto& [name, target] : targets) {
    known.insert(name);
    const auto found = by_name.find(name);
    if (found == by_name.end()) {
      // Networks saved before counters existed lack them all; nothing but the counter itself depends on them.
      if (name.ends_with(kCounter)) {
        result.counters.push_back(target);
      } else {
        result.report.missing.push_back(name);
      }
    } else if (found->second.sizes() != target.sizes()) {
      result.report.mismatched.push_back({name, target.sizes().vec(), found->second.sizes().vec()});
    } else if (target.is_floating_point() && !found->second.is_floating_point()) {
      result.report.mistyped.push_back(fmt::format("{} ({})", name, at::toString(found->second.scalar_type())));
    } else {
      result.report.loaded.push_back(name);
      result.copies.emplace_back(target, found->second);
    }
  }
  for (const auto& [name, value] : stored) {
    if (!known.contains(name)) result.report.unexpected.push_back(name);
  }
  if (!result.counters.empty()) result.report.notes.push_back(fmt::format("{} x {} absent: 0", result.counters.size(), kCounter));
  return result;
}

void require_complete(const LoadReport& report, const std::string& source, const std::string& network) {
  if (report.is_complete()) return;
  std::vector<std::string> parts;
  if (!report.missing.empty()) {
    parts.push_back(fmt::format("{} missing ({})", report.missing.size(), list_names(report.missing, kNamesInMessage)));
  }
  if (!report.unexpected.empty()) {
    parts.push_back(fmt::format("{} unexpected ({})", report.unexpected.size(), list_names(report.unexpected, kNamesInMessage)));
  }
  if (!report.mismatched.empty()) {
    const size_t count = report.mismatched.size();
    parts.push_back(fmt::format("{} of another shape ({}{})", count, describe(report.mismatched.front()), count > 1 ? ", …" : ""));
  }
  if (!report.mistyped.empty()) {
    parts.push_back(fmt::format("{} that are no floats ({})", report.mistyped.size(), list_names(report.mistyped, kNamesInMessage)));
  }
  throw_data_error(fmt::format("{}: not the weights of this {}: {}", source, network, fmt::join(parts, ", ")));
}

void apply(const Matching& matching) {
  const at::NoGradGuard no_grad;
  for (const auto& [target, value] : matching.copies) target.copy_(value);
  for (const at::Tensor& counter : matching.counters) counter.zero_();
}

NamedTensors without_prefixes(NamedTensors tensors, std::vector<std::string>& notes) {
  for (bool changed = true; changed;) {
    changed = false;
    for (const std::string prefix : kPrefixes) {
      if (!all_begin_with(tensors, prefix)) continue;
      for (auto& [name, tensor] : tensors) name.erase(0, prefix.size());
      notes.push_back(fmt::format("stripped prefix '{}'", prefix));
      changed = true;
    }
  }
  return tensors;
}

}  // namespace larmor::models
