#include "datasets/tumour_segments.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <optional>

namespace larmor::datasets {

namespace {

using Rgb = std::array<double, 3>;

constexpr const char* kWhole = "tumour";
constexpr Rgb kYellow{1, 1, 0}, kBlue{0, 0, 1}, kRed{1, 0, 0}, kGreen{0, 1, 0};
constexpr std::array<Rgb, 6> kOthers{{{0, 1, 1}, {1, 0, 1}, {0.6, 0.4, 0.2}, {0.5, 0, 1}, {1, 0.6, 0.7}, {0.6, 0.6, 0.6}}};

bool holds(const std::string& text, const char* word) { return text.find(word) != std::string::npos; }

/// The slides' colour; nothing for labels that they do not name.
std::optional<Rgb> colour_of_label(std::string name) {
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (holds(name, "necro")) return kGreen;
  if (holds(name, "edema")) return kYellow;
  if (holds(name, "enhanc")) return holds(name, "non") ? kBlue : kRed;
  return std::nullopt;
}

std::vector<std::string> labels_of_class(const std::map<std::string, double>& classes, int64_t value) {
  std::vector<std::string> names;
  for (const auto& [name, of] : classes) {
    if (of == static_cast<double>(value)) names.push_back(name);
  }
  return names;
}

Rgb rgb_of(const imaging::Colour& colour) { return {colour[0] / 255.0, colour[1] / 255.0, colour[2] / 255.0}; }

}  // namespace

std::vector<imaging::Segment> tumour_segments(const std::map<std::string, double>& classes, const std::map<std::string, int64_t>& labels,
                                              int64_t count) {
  std::vector<imaging::Segment> segments;
  size_t others = 0;
  for (int64_t value = 1; value <= count; ++value) {
    const std::vector<std::string> names = labels_of_class(classes, value);
    const bool is_whole = value == 1 && (classes.empty() || std::all_of(labels.begin(), labels.end(), [&](const auto& label) {
                                           return std::find(names.begin(), names.end(), label.first) != names.end();
                                         }));
    imaging::Segment segment;
    segment.label_value = value;
    segment.name = names.empty() ? fmt::format("class {}", value) : fmt::format("{}", fmt::join(names, " + "));
    if (is_whole) {
      segment.name = kWhole;
      segment.colour = rgb_of(imaging::kPredictionColour);
    } else {
      const std::optional<Rgb> known = names.size() == 1 ? colour_of_label(names[0]) : std::nullopt;
      segment.colour = known ? *known : kOthers[others++ % kOthers.size()];
    }
    segments.push_back(std::move(segment));
  }
  return segments;
}

imaging::Colour colour_of(const imaging::Segment& segment) {
  imaging::Colour colour{};
  for (size_t i = 0; i < colour.size(); ++i) colour[i] = static_cast<uint8_t>(std::lround(255 * segment.colour[i]));
  return colour;
}

}  // namespace larmor::datasets
