#include "datasets/normalise.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "tests/datasets/support.h"

namespace larmor::datasets {
namespace {

using imaging::Image;
using imaging::PixelType;

template <class T>
Image make_image(PixelType type, int64_t channels, const std::vector<T>& interleaved) {
  Image image = Image::make({static_cast<int64_t>(interleaved.size()) / channels, 1, 1}, channels, type);
  std::copy(interleaved.begin(), interleaved.end(), image.data<T>());
  return image;
}

std::vector<float> planes_of(const Image& image, const NormaliseOptions& options) {
  std::vector<float> planes(static_cast<size_t>(image.elements()));
  normalise(image, options, planes.data());
  return planes;
}

TEST(Normalise, ImagenetTakesMeanAndSdPerChannel) {
  const Image image = make_image<uint8_t>(PixelType::u8, 3, {0, 128, 255, 255, 0, 1});
  const std::vector<float> planes = planes_of(image, {.kind = "imagenet"});
  const auto expected = [](double value, double mean, double sd) { return static_cast<float>((value / 255 - mean) / sd); };
  EXPECT_EQ(planes, (std::vector<float>{expected(0, .485, .229), expected(255, .485, .229), expected(128, .456, .224),
                                        expected(0, .456, .224), expected(255, .406, .225), expected(1, .406, .225)}));
}

TEST(Normalise, ImagenetRepeatsForMoreChannelsAndTakesOwnNumbers) {
  const Image image = make_image<float>(PixelType::f32, 4, {0.5f, 0.5f, 0.5f, 0.5f});
  const std::vector<float> planes = planes_of(image, {.kind = "imagenet"});
  EXPECT_EQ(planes[3], planes[0]);
  EXPECT_EQ(planes_of(image, {.kind = "imagenet", .mean = {0.25, 0.5}, .sd = {0.5}}), (std::vector<float>{0.5f, 0, 0.5f, 0}));
}

TEST(Normalise, UnitDividesBytesAndKeepsFloats) {
  EXPECT_EQ(planes_of(make_image<uint8_t>(PixelType::u8, 1, {0, 51, 255}), {.kind = "unit"}), (std::vector<float>{0, 0.2f, 1}));
  EXPECT_EQ(planes_of(make_image<float>(PixelType::f32, 1, {-3, 0.5f, 7}), {.kind = "unit"}), (std::vector<float>{-3, 0.5f, 7}));
}

TEST(Normalise, ZscoreUsesThePopulationSd) {
  const std::vector<float> planes = planes_of(make_image<uint8_t>(PixelType::u8, 1, {2, 4, 4, 4, 5, 5, 7, 9}), {.kind = "zscore"});
  EXPECT_EQ(planes, (std::vector<float>{-1.5, -0.5, -0.5, -0.5, 0, 0, 1, 2}));  // mean 5, SD 2
}

TEST(Normalise, ZscoreOfAConstantChannelIsZero) {
  for (const PixelType type : {PixelType::u8, PixelType::f32}) {
    const Image image =
        type == PixelType::u8 ? make_image<uint8_t>(type, 2, {9, 1, 9, 2, 9, 3}) : make_image<float>(type, 2, {.1f, 1, .1f, 2, .1f, 3});
    const std::vector<float> planes = planes_of(image, {.kind = "zscore"});
    EXPECT_EQ((std::vector<float>(planes.begin(), planes.begin() + 3)), (std::vector<float>{0, 0, 0}));
    EXPECT_FLOAT_EQ(planes[5], std::sqrt(1.5f));
  }
}

TEST(Normalise, PercentileLeavesZerosOutOfTheCount) {
  // Non-zero values 10, 20, … 50: the 25th and 75th percentiles are 20 and 40.
  const NormaliseOptions options{.kind = "percentile", .low_percentile = 25, .high_percentile = 75};
  const std::vector<float> expected{0, 0, 0, 0, 0.5f, 1, 1};
  EXPECT_EQ(planes_of(make_image<uint8_t>(PixelType::u8, 1, {0, 0, 10, 20, 30, 40, 50}), options), expected);
  EXPECT_EQ(planes_of(make_image<float>(PixelType::f32, 1, {0, 0, 10, 20, 30, 40, 50}), options), expected);
}

TEST(Normalise, PercentileIsLinearBetweenNeighbours) {
  // Of 1, 2 the 10th percentile is 1.1, the 90th 1.9.
  const NormaliseOptions options{.kind = "percentile", .low_percentile = 10, .high_percentile = 90};
  const std::vector<float> planes = planes_of(make_image<float>(PixelType::f32, 1, {1, 2, 1.5f}), options);
  EXPECT_FLOAT_EQ(planes[2], 0.5f);
  const std::vector<float> bytes = planes_of(make_image<uint8_t>(PixelType::u8, 1, {1, 3, 2}), options);
  EXPECT_FLOAT_EQ(bytes[2], 0.5f);
}

TEST(Normalise, PercentileOfBlankChannelIsZero) {
  EXPECT_EQ(planes_of(make_image<uint8_t>(PixelType::u8, 1, {0, 0}), {.kind = "percentile"}), (std::vector<float>{0, 0}));
  EXPECT_EQ(planes_of(make_image<float>(PixelType::f32, 1, {0, 0}), {.kind = "percentile"}), (std::vector<float>{0, 0}));
  EXPECT_EQ(planes_of(make_image<uint8_t>(PixelType::u8, 1, {0, 7}), {.kind = "percentile"}), (std::vector<float>{0, 0}));
}

TEST(Normalise, BytesAndFloatsAgree) {
  const testing::MemorySource source({.width = 23, .height = 17});
  const Image bytes = source.load(3).image;
  Image floats = imaging::convert(bytes, PixelType::f32);
  for (const std::string kind : {"zscore", "percentile"}) {
    const std::vector<float> a = planes_of(bytes, {.kind = kind}), b = planes_of(floats, {.kind = kind});
    for (size_t i = 0; i < a.size(); ++i) ASSERT_NEAR(a[i], b[i], 1e-6) << kind << " " << i;
  }
}

TEST(NormaliseError, OptionsAreChecked) {
  NormaliseOptions options;
  Problems problems;
  options_of(options).read(parse_yaml("{kind: imagnet, low_percentile: 101, sd: [0.1, 0]}", "a.yaml"), problems, "data.normalise.");
  EXPECT_EQ(problems.lines(), (std::vector<std::string>{"a.yaml:1: data.normalise.kind: unknown value 'imagnet'; nearest: 'imagenet'",
                                                        "a.yaml:1: data.normalise.low_percentile: 101 is not allowed; must be in [0, 100]",
                                                        "a.yaml:1: data.normalise.sd: entry 2: 0 is not allowed; must be > 0"}));
  Problems order;
  options_of(options).read(parse_yaml("{low_percentile: 50, high_percentile: 50}", "a.yaml"), order, "data.normalise.");
  EXPECT_EQ(order.lines(), (std::vector<std::string>{"a.yaml:1: data.normalise.high_percentile: must be above low_percentile"}));
}

}  // namespace
}  // namespace larmor::datasets
