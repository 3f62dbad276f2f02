#include <fmt/format.h>

#include "models/weights/matching.h"
#include "models/weights/text.h"
#include "models/weights/weights.h"

namespace larmor::models {

namespace {

constexpr size_t kNamesInReport = 10;

std::string network_name(const Module& module) {
  const auto* segmenter = dynamic_cast<const Segmenter*>(&module);
  return segmenter ? segmenter->info().architecture : "network";
}

void add_line(std::string& text, const std::vector<std::string>& names, const std::string& what) {
  if (!names.empty()) text += fmt::format("\n{} {}: {}", names.size(), what, list_names(names, kNamesInReport));
}

}  // namespace

std::string LoadReport::to_string() const {
  std::string text = fmt::format("{} tensors loaded", loaded.size());
  for (const std::string& note : notes) text += "\n" + note;
  add_line(text, missing, "missing");
  add_line(text, unexpected, "unexpected");
  std::vector<std::string> shapes;
  for (const ShapeMismatch& mismatch : mismatched) {
    shapes.push_back(
        fmt::format("{} ({} here, {} in the file)", mismatch.name, format_shape(mismatch.expected), format_shape(mismatch.found)));
  }
  add_line(text, shapes, "of another shape");
  add_line(text, mistyped, "that are no floats");
  return text;
}

LoadReport load_state(Module& module, const NamedTensors& tensors, const std::string& source, bool strict) {
  std::vector<std::string> notes;
  const NamedTensors stored = with_our_names(tensors, source, notes);
  Matching matching = match(module.state_dict(), stored);
  if (strict) require_complete(matching.report, source, network_name(module));
  module.drop_inference();
  apply(matching);
  matching.report.notes.insert(matching.report.notes.begin(), notes.begin(), notes.end());
  return matching.report;
}

std::string state_manifest(const Module& module) {
  std::string text;
  for (const auto& [name, tensor] : module.state_dict()) text += fmt::format("{}\t{}\n", name, format_shape(tensor.sizes()));
  return text;
}

}  // namespace larmor::models
