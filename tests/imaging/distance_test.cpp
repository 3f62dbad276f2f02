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
