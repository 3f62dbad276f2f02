#include "datasets/normalise.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "core/error.h"

namespace larmor::datasets {

namespace {

using imaging::Image;
using imaging::PixelType;

const std::vector<double> kImagenetMean{0.485, 0.456, 0.406};
const std::vector<double> kImagenetSd{0.229, 0.224, 0.225};
constexpr int64_t kLevels = 256;

/// What happens to the values of one channel: clip to [low, high], divide by `range`, subtract `shift`, divide by `spread`.
struct ChannelRule {
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
  double range = 1;
  double shift = 0;
  double spread = 1;  ///< 0: everything becomes 0

  float operator()(double value) const {
    if (spread == 0) return 0;
    return static_cast<float>((std::clamp(value, low, high) / range - shift) / spread);
  }
};

/// How often each value of one channel occurs.
std::array<int64_t, kLevels> histogram_of(const Image& image, int64_t channel) {
  std::array<int64_t, kLevels> histogram{};
  const uint8_t* values = image.data<uint8_t>() + channel;
  for (int64_t i = 0; i < image.voxels(); ++i) ++histogram[values[i * image.channels]];
  return histogram;
}

std::vector<float> values_of(const Image& image, int64_t channel) {
  std::vector<float> values(static_cast<size_t>(image.voxels()));
  const float* all = image.data<float>() + channel;
  for (size_t i = 0; i < values.size(); ++i) values[i] = all[static_cast<int64_t>(i) * image.channels];
  return values;
}

struct Moments {
  double mean = 0;
  double sd = 0;  ///< of the population
};

Moments moments_of(const Image& image, int64_t channel) {
  const auto count = static_cast<double>(image.voxels());
  double sum = 0, squares = 0;
  if (image.type == PixelType::u8) {
    const auto histogram = histogram_of(image, channel);
    for (int64_t v = 0; v < kLevels; ++v) sum += static_cast<double>(v * histogram[static_cast<size_t>(v)]);
    const double mean = sum / count;
    for (int64_t v = 0; v < kLevels; ++v) {
      const double distance = static_cast<double>(v) - mean;
      squares += distance * distance * static_cast<double>(histogram[static_cast<size_t>(v)]);
    }
    return {mean, std::sqrt(squares / count)};
  }
  const std::vector<float> values = values_of(image, channel);
  for (const float v : values) sum += v;
  const double mean = sum / count;
  for (const float v : values) squares += (v - mean) * (v - mean);
  return {mean, std::sqrt(squares / count)};
}

/// The value at `percent` of sorted values, linear between neighbours; `at(k)` gives the k-th smallest of `count`.
template <class At>
double percentile(double percent, int64_t count, At at) {
  const double place = percent / 100 * static_cast<double>(count - 1);
  const auto below = static_cast<int64_t>(place);
  const double low = at(below);
  const double high = at(std::min(below + 1, count - 1));
  return low + (high - low) * (place - static_cast<double>(below));
}

/// Both percentiles of the non-zero values of a channel; {0, 0} when all are zero.
std::array<double, 2> percentiles_of(const Image& image, int64_t channel, double low, double high) {
  if (image.type == PixelType::u8) {
    auto histogram = histogram_of(image, channel);
    histogram[0] = 0;
    int64_t count = 0;
    for (const int64_t n : histogram) count += n;
    if (count == 0) return {0, 0};
    const auto at = [&](int64_t k) {
      int64_t value = 0;
      for (int64_t seen = histogram[0]; seen <= k; seen += histogram[static_cast<size_t>(value)]) ++value;
      return static_cast<double>(value);
    };
    return {percentile(low, count, at), percentile(high, count, at)};
  }
  std::vector<float> values = values_of(image, channel);
  std::erase_if(values, [](float v) { return v == 0 || !std::isfinite(v); });
  if (values.empty()) return {0, 0};
  const auto at = [&](int64_t k) {
    std::nth_element(values.begin(), values.begin() + k, values.end());
    return static_cast<double>(values[static_cast<size_t>(k)]);
  };
  const auto count = static_cast<int64_t>(values.size());
  return {percentile(low, count, at), percentile(high, count, at)};
}

double cyclic(const std::vector<double>& given, const std::vector<double>& defaults, int64_t channel) {
  const std::vector<double>& values = given.empty() ? defaults : given;
  return values[static_cast<size_t>(channel) % values.size()];
}

ChannelRule rule_for(const Image& image, int64_t channel, const NormaliseOptions& options) {
  ChannelRule rule;
  if (options.kind == "zscore") {
    const Moments moments = moments_of(image, channel);
    rule.shift = moments.mean;
    rule.spread = moments.sd;
  } else if (options.kind == "percentile") {
    const auto [low, high] = percentiles_of(image, channel, options.low_percentile, options.high_percentile);
    rule.low = rule.shift = low;
    rule.high = high;
    rule.spread = high - low;
  } else {
    rule.range = image.type == PixelType::u8 ? 255 : 1;
    if (options.kind == "imagenet") {
      rule.shift = cyclic(options.mean, kImagenetMean, channel);
      rule.spread = cyclic(options.sd, kImagenetSd, channel);
    }
  }
  return rule;
}

void write_plane(const Image& image, int64_t channel, const ChannelRule& rule, float* plane) {
  const int64_t stride = image.channels;
  if (image.type == PixelType::f32) {
    const float* values = image.data<float>() + channel;
    for (int64_t i = 0; i < image.voxels(); ++i) plane[i] = rule(values[i * stride]);
    return;
  }
  std::array<float, kLevels> table;
  for (int64_t v = 0; v < kLevels; ++v) table[static_cast<size_t>(v)] = rule(static_cast<double>(v));
  const uint8_t* values = image.data<uint8_t>() + channel;
  for (int64_t i = 0; i < image.voxels(); ++i) plane[i] = table[values[i * stride]];
}

}  // namespace

OptionTable options_of(NormaliseOptions& options) {
  OptionTable table;
  table.add("kind", options.kind, "how values are scaled", {"imagenet", "zscore", "percentile", "unit"});
  table.add("mean", options.mean, "imagenet: subtracted from each channel instead of .485, .456, .406; repeated for more channels");
  table.add("sd", options.sd, "imagenet: divides each channel instead of .229, .224, .225; repeated for more channels", greater_than(0));
  table.add("low_percentile", options.low_percentile, "percentile: of a channel's non-zero values, becomes 0", between(0, 100));
  table.add("high_percentile", options.high_percentile, "percentile: of a channel's non-zero values, becomes 1", between(0, 100));
  table.check("high_percentile", [&options]() -> std::string {
    return options.low_percentile < options.high_percentile ? "" : "must be above low_percentile";
  });
  return table;
}

void normalise(const Image& image, const NormaliseOptions& options, float* planes) {
  LARMOR_ASSERT(image.depth() == 1 && (image.type == PixelType::u8 || image.type == PixelType::f32));
  for (int64_t c = 0; c < image.channels; ++c) write_plane(image, c, rule_for(image, c, options), planes + c * image.voxels());
}

}  // namespace larmor::datasets
