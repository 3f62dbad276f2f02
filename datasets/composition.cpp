#include "datasets/composition.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/error.h"

namespace larmor::datasets {

namespace {

using imaging::Image;
using imaging::PixelType;

const std::vector<std::string> kInputs{"mix_rgb", "weighted", "single", "neighbours", "wide"};

bool takes_one(const std::string& input) { return input == "single" || input == "neighbours"; }

std::string wrong_channels(const CompositionOptions& options) {
  if (options.channels.empty()) return "must name at least one sequence";
  if (!takes_one(options.input) || options.channels.size() == 1) return "";
  return fmt::format("input {} takes one sequence, not {}; e.g. [T1CE]", options.input, options.channels.size());
}

std::string wrong_weights(const CompositionOptions& options) {
  if (options.weights.empty()) return "";
  if (options.input != "weighted") return fmt::format("only input weighted has weights, not {}", options.input);
  if (options.weights.size() != options.channels.size()) {
    return fmt::format("{} weights for {} sequences; give one for each", options.weights.size(), options.channels.size());
  }
  const double sum = std::accumulate(options.weights.begin(), options.weights.end(), 0.0);
  return sum > 0 && std::isfinite(sum) ? "" : "their sum must be above 0 and finite";
}

/// Several images of one size side by side in their channels.
template <class T>
void interleave(const std::vector<Image>& parts, Image& result) {
  T* out = result.data<T>();
  for (int64_t i = 0; i < result.voxels(); ++i) {
    for (const Image& part : parts) out = std::copy_n(part.data<T>() + i * part.channels, part.channels, out);
  }
}

Image stack_channels(const std::vector<Image>& parts) {
  int64_t channels = 0;
  for (const Image& part : parts) {
    LARMOR_ASSERT(part.size == parts.front().size && part.type == parts.front().type);
    channels += part.channels;
  }
  Image result = Image::make(parts.front().size, channels, parts.front().type);
  result.geometry = parts.front().geometry;
  if (result.type == PixelType::u8) {
    interleave<uint8_t>(parts, result);
  } else {
    interleave<float>(parts, result);
  }
  return result;
}

/// The weighted mean, so that the range of values stays; u8 is rounded.
Image weighted_mean(const Image& image, std::vector<double> weights) {
  if (weights.empty()) weights.assign(static_cast<size_t>(image.channels), 1.0);
  const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
  Image result = Image::make(image.size, 1, image.type);
  result.geometry = image.geometry;
  for (int64_t i = 0; i < image.voxels(); ++i) {
    double value = 0;
    for (int64_t c = 0; c < image.channels; ++c) {
      const int64_t at = i * image.channels + c;
      const double part = image.type == PixelType::u8 ? image.data<uint8_t>()[at] : static_cast<double>(image.data<float>()[at]);
      value += weights[static_cast<size_t>(c)] / sum * part;
    }
    if (image.type == PixelType::u8) {
      result.data<uint8_t>()[i] = static_cast<uint8_t>(std::lround(value));
    } else {
      result.data<float>()[i] = static_cast<float>(value);
    }
  }
  return result;
}

}  // namespace

void add_composition(OptionTable& table, std::string& input, std::vector<std::string>& channels, std::vector<double>& weights,
                     const std::vector<std::string>& known) {
  table.add("input", input,
            "how sequences become channels: mix_rgb: one each; weighted: their mean; single; neighbours: slices z-1, z, z+1 of one; wide: "
            "all sequences of three slices",
            kInputs);
  table.add("channels", channels, "which sequences, in which order; may repeat", known);
  table.add("weights", weights, "input weighted: of each sequence; empty: equal", at_least(0));
  table.check("channels", [&] { return wrong_channels({input, channels, weights}); });
  table.check("weights", [&] {
    const CompositionOptions options{input, channels, weights};
    return wrong_channels(options).empty() ? wrong_weights(options) : "";
  });
}

Composition::Composition(CompositionOptions options) : options_(std::move(options)) {
  if (std::find(kInputs.begin(), kInputs.end(), options_.input) == kInputs.end())
    throw_usage_error("data.input: " + unknown_name_message("input", options_.input, kInputs, ""));
  if (const std::string wrong = wrong_channels(options_); !wrong.empty()) throw_usage_error("data.channels: " + wrong);
  if (const std::string wrong = wrong_weights(options_); !wrong.empty()) throw_usage_error("data.weights: " + wrong);
}

std::vector<std::string> Composition::names() const {
  if (options_.input == "weighted") return {fmt::format("{}", fmt::join(options_.channels, "+"))};
  if (reach() == 0) return options_.channels;
  std::vector<std::string> names;
  for (const char* place : {" z-1", "", " z+1"}) {
    for (const std::string& sequence : options_.channels) names.push_back(sequence + place);
  }
  return names;
}

int64_t Composition::reach() const { return options_.input == "neighbours" || options_.input == "wide" ? 1 : 0; }

Image Composition::compose(const std::function<Image(int64_t offset)>& slice_at) const {
  if (reach() == 0) {
    Image slice = slice_at(0);
    return options_.input == "weighted" ? weighted_mean(slice, options_.weights) : slice;
  }
  std::vector<Image> parts;
  for (int64_t offset = -1; offset <= 1; ++offset) parts.push_back(slice_at(offset));
  Image result = stack_channels(parts);
  result.geometry = parts[1].geometry;
  return result;
}

}  // namespace larmor::datasets
