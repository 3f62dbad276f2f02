#include "imaging/bias_field.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/imaging/head_phantom.h"
#include "tests/support/errors.h"

namespace larmor::imaging {
namespace {

/// Standard deviation over mean of the voxels of one tissue.
double variation(const Image& image, const Image& clean, double low, double high) {
  const Image values = convert(image, PixelType::f32);
  double sum = 0, squares = 0, count = 0;
  for (int64_t i = 0; i < values.voxels(); ++i) {
    if (clean.data<int16_t>()[i] < low || clean.data<int16_t>()[i] > high) continue;
    const double value = double{values.data<float>()[i]};
    sum += value;
    squares += value * value;
    ++count;
  }
  const double mean = sum / count;
  return std::sqrt(squares / count - mean * mean) / mean;
}

struct BiasedHead {
  Image clean, biased;
};

BiasedHead biased_head() {
  const Grid grid = centred_grid({40, 48, 40}, {3, 3, 3}, {5, 5, 5});
  BiasedHead head{head_on(grid, {}, false), {}};
  head.biased = convert(head.clean, PixelType::f32);
  for (int64_t i = 0; i < head.biased.voxels(); ++i) {
    const double x = static_cast<double>(i % 40) / 39, z = static_cast<double>(i / 1920) / 39;
    head.biased.data<float>()[i] *= static_cast<float>(0.7 + 0.6 * x * x + 0.2 * z);
  }
  return head;
}

TEST(BiasFieldSlowTest, RemovesASmoothField) {
  const auto [clean, biased] = biased_head();
  const Image corrected = correct_bias_field(biased);
  const double before = variation(biased, clean, 790, 840), after = variation(corrected, clean, 790, 840);
  EXPECT_GT(before, 0.1);
  EXPECT_LT(after, 0.4 * before) << before << " " << after;
}

TEST(BiasFieldTest, KeepsTheGridAndGivesTheSameBytes) {
  const Image biased = biased_head().biased;
  const BiasFieldOptions options{.iterations = {2}};
  const Image corrected = correct_bias_field(biased, options);
  EXPECT_EQ(corrected.geometry, biased.geometry);
  EXPECT_EQ(corrected.size, biased.size);
  EXPECT_NE(corrected.bytes, biased.bytes);
  EXPECT_EQ(correct_bias_field(biased, options).bytes, corrected.bytes);
}

TEST(BiasFieldError, VolumesWithoutAFit) {
  EXPECT_EQ(testing::data_error([] {
              correct_bias_field(Image::make({8, 8, 8}, 1, PixelType::u8), {}, "t1.nii");
            }),
            "t1.nii: no bright voxel to fit a bias field to");
  EXPECT_EQ(testing::data_error([] {
              correct_bias_field(Image::make({8, 8, 2}, 1, PixelType::u8), {}, "t1.nii");
            }),
            "t1.nii: 8 x 8 x 2 voxels with 1 channels; bias correction needs one channel and at least 4 voxels along each axis");
}

}  // namespace
}  // namespace larmor::imaging
