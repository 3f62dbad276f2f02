#include "imaging/distance.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>
#include <iostream>
#include <limits>
#include <nlohmann/json.hpp>

#include "core/files.h"
#include "core/safetensors.h"
#include "tests/imaging/support.h"
#include "tests/support/golden.h"

namespace larmor::imaging {
namespace {

Image inverted(Image mask) {
  for (int64_t i = 0; i < mask.voxels(); ++i) mask.data<uint8_t>()[i] = mask.data<uint8_t>()[i] == 0 ? 1 : 0;
  return mask;
}

std::vector<double> by_trying_all_pairs(const Image& mask) {
  const auto [width, height, depth] = mask.size;
  const auto& s = mask.geometry.spacing_mm;
  std::vector<double> squares;
  for (int64_t p = 0; p < mask.voxels(); ++p) {
    double least = std::numeric_limits<double>::infinity();
    for (int64_t q = 0; q < mask.voxels(); ++q) {
      if (mask.data<uint8_t>()[q] == 0) continue;
      const double x = s[0] * static_cast<double>(p % width - q % width);
      const double y = s[1] * static_cast<double>(p / width % height - q / width % height);
      const double z = s[2] * static_cast<double>(p / (width * height) - q / (width * height));
      least = std::min(least, x * x + y * y + z * z);
    }
    squares.push_back(least);
  }
  return squares;
}

RC_GTEST_PROP(DistanceTest, EqualsTheLeastOverAllPairs, ()) {
  Image mask = *any_mask(*rc::gen::element(1, 10, 60), 6);
  mask.geometry.has_spacing = true;
  mask.geometry.spacing_mm = {*rc::gen::element(0.3, 1.0, 2.5), *rc::gen::element(0.3, 1.0, 2.5), *rc::gen::element(0.7, 5.0)};
  const std::vector<double> expected = by_trying_all_pairs(mask), actual = squared_distance_to_mask(mask);
  for (size_t i = 0; i < expected.size(); ++i) {
    RC_ASSERT(expected[i] == actual[i] || std::abs(expected[i] - actual[i]) <= 1e-12 * expected[i]);
  }
}

RC_GTEST_PROP(DistanceTest, ThreadsChangeNothing, ()) {
  const Image mask = *any_mask(5, 8);
  RC_ASSERT(distance_to_mask(mask, 1) == distance_to_mask(mask, 3));
}

GridPoints points_of(const Image& mask) {
  GridPoints points{mask.size, {}, {0}};
  for (int64_t row = 0; row < mask.size[1] * mask.size[2]; ++row) {
    for (int64_t x = 0; x < mask.size[0]; ++x) {
      if (mask.data<uint8_t>()[row * mask.size[0] + x] != 0) points.columns.push_back(static_cast<int32_t>(x));
    }
    points.rows.push_back(static_cast<int64_t>(points.columns.size()));
  }
  return points;
}

std::vector<double> values_inside(const std::vector<double>& values, const Image& mask) {
  std::vector<double> inside;
  for (int64_t i = 0; i < mask.voxels(); ++i) {
    if (mask.data<uint8_t>()[i] != 0) inside.push_back(values[static_cast<size_t>(i)]);
  }
  return inside;
}

/// A mask of the same size.
Image random_mask(const Image& like, int percent) {
  Image mask = like;
  for (int64_t i = 0; i < mask.voxels(); ++i) mask.data<uint8_t>()[i] = *rc::gen::inRange(0, 100) < percent ? 1 : 0;
  return mask;
}

/// Large steps between columns, and small ones, make points that are found nearby and points for which the grid is transformed.
RC_GTEST_PROP(DistanceTest, BetweenPointsEqualsTheTransform, ()) {
  Image to = *any_mask(*rc::gen::element(0, 1, 10, 60), 8);
  to.geometry.has_spacing = true;
  to.geometry.spacing_mm = {*rc::gen::element(0.3, 1.0, 100.0), *rc::gen::element(0.01, 1.0, 2.5), *rc::gen::element(0.7, 5.0)};
  const Image from = random_mask(to, *rc::gen::element(1, 30, 100));
  const std::vector<double> expected = values_inside(squared_distance_to_mask(to), from);
  const std::vector<double> actual = squared_distances(points_of(from), points_of(to), to.geometry.spacing_mm);
  RC_ASSERT(expected.size() == actual.size());
  for (size_t i = 0; i < expected.size(); ++i) {
    RC_ASSERT(expected[i] == actual[i] || std::abs(expected[i] - actual[i]) <= 1e-12 * expected[i]);
  }
  RC_ASSERT(actual == squared_distances(points_of(from), points_of(to), to.geometry.spacing_mm, 3));
}

TEST(DistanceTest, FarPointsAreFoundToo) {
  Image to = Image::make({40, 50, 30}, 1, PixelType::u8), from = to;
  to.data<uint8_t>()[0] = 1;
  std::fill_n(from.data<uint8_t>() + from.voxels() - 2000, 2000, uint8_t{1});
  const std::vector<double> expected = values_inside(squared_distance_to_mask(to), from);
  EXPECT_EQ(squared_distances(points_of(from), points_of(to), {1, 1, 1}, 2), expected);
  std::fill_n(from.data<uint8_t>(), from.voxels() - 1, uint8_t{0});  // one point: searched for
  EXPECT_EQ(squared_distances(points_of(from), points_of(to), {1, 1, 1}), std::vector<double>{39 * 39 + 49 * 49 + 29 * 29});
}

TEST(DistanceTest, EmptyMasksAndMissingSpacing) {
  Image mask = mask_of("....\n....\n");
  for (const float value : distance_to_mask(mask)) EXPECT_EQ(value, std::numeric_limits<float>::infinity());
  mask = mask_of("#...\n....\n");
  mask.geometry.spacing_mm = {3, 4, 5};
  EXPECT_EQ(distance_to_mask(mask)[5], std::sqrt(2.0F));  // in voxels: the file told no spacing
  mask.geometry.has_spacing = true;
  EXPECT_EQ(distance_to_mask(mask)[5], 5);
}

/// Where a distance map is 0, as a mask.
Image zeros_of(const TensorView& map) {
  Image mask = Image::make({1, 1, 1}, 1, PixelType::u8);
  const size_t axes = map.shape.size();
  for (size_t i = 0; i < axes; ++i) mask.size[i] = map.shape[axes - 1 - i];  // our axes run fastest first
  mask.bytes.resize(static_cast<size_t>(mask.voxels()));
  for (int64_t i = 0; i < mask.voxels(); ++i) {
    float value;
    std::memcpy(&value, map.bytes.data() + 4 * i, 4);
    mask.data<uint8_t>()[i] = value == 0 ? 1 : 0;
  }
  return mask;
}

/// scipy.ndimage.distance_transform_edt of every map in the golden file; the spacing is that of the case whose mask it belongs to.
TEST(DistanceGoldenTest, EqualsScipy) {
  const auto json = testing::golden_file("metrics.json");
  const auto tensors = testing::golden_file("metrics.safetensors");
  LARMOR_NEEDS(tensors, "metrics.safetensors");
  const SafetensorsFile file = SafetensorsFile::open(tensors);
  const nlohmann::json golden = nlohmann::json::parse(read_file(json));
  int run = 0;
  for (const TensorView& expected : file.tensors()) {
    if (expected.name.find(".edt.") == std::string::npos) continue;
    SCOPED_TRACE(expected.name);
    Image mask = zeros_of(expected);
    const Image truth = expected.name.ends_with(".inside") ? inverted(mask) : mask;
    const auto one = std::find_if(golden["cases"].begin(), golden["cases"].end(), [&](const auto& c) {
      const TensorView* gt = file.find(c["case"].template get<std::string>() + ".gt");
      return gt != nullptr && gt->shape == expected.shape && std::equal(gt->bytes.begin(), gt->bytes.end(), truth.bytes.begin());
    });
    ASSERT_TRUE(one != golden["cases"].end());
    const size_t axes = expected.shape.size();
    for (size_t i = 0; i < axes; ++i) mask.geometry.spacing_mm[i] = (*one)["spacing"][axes - 1 - i];
    mask.geometry.has_spacing = true;
    const std::vector<float> actual = distance_to_mask(mask);
    for (size_t i = 0; i < actual.size(); ++i) {
      float value;
      std::memcpy(&value, expected.bytes.data() + 4 * i, 4);
      ASSERT_LE(std::abs(value - actual[i]), 1e-6F * value) << i;
    }
    ++run;
  }
  std::cout << run << " distance maps compared\n";
  EXPECT_GT(run, 0);
}

}  // namespace
}  // namespace larmor::imaging
