#include "datasets/composition.h"

#include <gtest/gtest.h>

#include "tests/support/errors.h"

namespace larmor::datasets {
namespace {

using imaging::Image;
using imaging::PixelType;
using larmor::testing::usage_error;

/// Pixel i of channel c at an offset is 100 (offset + 1) + 10 c + i, in a type of the sources'.
Image slice(int64_t offset, int64_t channels, PixelType type) {
  Image image = Image::make({2, 1, 1}, channels, type);
  for (int64_t i = 0; i < 2; ++i) {
    for (int64_t c = 0; c < channels; ++c) {
      const int64_t value = 100 * (offset + 1) + 10 * c + i;
      if (type == PixelType::u8) image.data<uint8_t>()[i * channels + c] = static_cast<uint8_t>(value);
      if (type == PixelType::f32) image.data<float>()[i * channels + c] = static_cast<float>(value);
    }
  }
  return image;
}

std::vector<int64_t> composed(const CompositionOptions& options, PixelType type) {
  const Composition composition(options);
  const auto channels = static_cast<int64_t>(options.channels.size());
  const Image result = composition.compose([&](int64_t offset) { return slice(offset, channels, type); });
  EXPECT_EQ(result.channels, static_cast<int64_t>(composition.names().size()));
  std::vector<int64_t> values;
  for (int64_t i = 0; i < result.elements(); ++i) {
    values.push_back(type == PixelType::u8 ? result.data<uint8_t>()[i] : static_cast<int64_t>(result.data<float>()[i]));
  }
  return values;
}

using Values = std::vector<int64_t>;

TEST(Composition, EveryInput) {
  struct Case {
    CompositionOptions options;
    Values values;
    std::vector<std::string> names;
  };
  const std::vector<Case> cases{{{"mix_rgb", {"T1", "T1CE", "FLAIR"}, {}}, {100, 110, 120, 101, 111, 121}, {"T1", "T1CE", "FLAIR"}},
                                {{"weighted", {"T1", "T1CE", "FLAIR"}, {}}, {110, 111}, {"T1+T1CE+FLAIR"}},
                                {{"weighted", {"T1", "FLAIR"}, {3, 1}}, {102, 103}, {"T1+FLAIR"}},  // 102.5 and 103.5, cut by this test
                                {{"single", {"T1CE"}, {}}, {100, 101}, {"T1CE"}},
                                {{"neighbours", {"T1CE"}, {}}, {0, 100, 200, 1, 101, 201}, {"T1CE z-1", "T1CE", "T1CE z+1"}},
                                {{"wide", {"T1", "T1CE"}, {}},
                                 {0, 10, 100, 110, 200, 210, 1, 11, 101, 111, 201, 211},
                                 {"T1 z-1", "T1CE z-1", "T1", "T1CE", "T1 z+1", "T1CE z+1"}}};
  for (const Case& one : cases) {
    EXPECT_EQ(composed(one.options, PixelType::f32), one.values) << one.options.input;
    EXPECT_EQ(Composition(one.options).names(), one.names) << one.options.input;
  }
}

TEST(Composition, BytesAreRounded) {
  EXPECT_EQ(composed({"weighted", {"T1", "FLAIR"}, {3, 1}}, PixelType::u8), (Values{103, 104}));
  EXPECT_EQ(composed({"wide", {"T1"}, {}}, PixelType::u8), (Values{0, 100, 200, 1, 101, 201}));
}

TEST(Composition, OnlyNeighboursNeedNeighbours) {
  for (const std::string input : {"mix_rgb", "weighted", "single"}) EXPECT_EQ(Composition({input, {"T1"}, {}}).reach(), 0) << input;
  for (const std::string input : {"neighbours", "wide"}) EXPECT_EQ(Composition({input, {"T1"}, {}}).reach(), 1) << input;
}

TEST(CompositionError, WhatDoesNotFit) {
  const auto error = [](const CompositionOptions& options) { return usage_error([&] { Composition composition(options); }); };
  EXPECT_EQ(error({"mixrgb", {"T1"}, {}}), "data.input: unknown input 'mixrgb'; nearest: 'mix_rgb'");
  EXPECT_EQ(error({"mix_rgb", {}, {}}), "data.channels: must name at least one sequence");
  EXPECT_EQ(error({"neighbours", {"T1", "T1CE"}, {}}), "data.channels: input neighbours takes one sequence, not 2; e.g. [T1CE]");
  EXPECT_EQ(error({"wide", {"T1"}, {1}}), "data.weights: only input weighted has weights, not wide");
  EXPECT_EQ(error({"weighted", {"T1"}, {1, 2}}), "data.weights: 2 weights for 1 sequences; give one for each");
  EXPECT_EQ(error({"weighted", {"T1", "T2"}, {0, 0}}), "data.weights: their sum must be above 0 and finite");
  EXPECT_EQ(error({"weighted", {"T1", "T2"}, {1e308, 1e308}}), "data.weights: their sum must be above 0 and finite");
}

}  // namespace
}  // namespace larmor::datasets
