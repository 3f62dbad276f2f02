#include "imaging/resample.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>

#include "tests/imaging/head_phantom.h"
#include "tests/imaging/support.h"

namespace larmor::imaging {
namespace {

/// value = 1 + 2x - 3y + 0.5z of the point in space: linear interpolation must keep it on any grid.
Image ramp_on(const Grid& grid) {
  Image image = Image::make(grid.size, 1, PixelType::f32);
  image.geometry = grid.geometry;
  float* out = image.data<float>();
  for (int64_t z = 0; z < grid.size[2]; ++z) {
    for (int64_t y = 0; y < grid.size[1]; ++y) {
      for (int64_t x = 0; x < grid.size[0]; ++x) {
        const Point p = map_point(index_to_point(grid.geometry), {static_cast<double>(x), static_cast<double>(y), static_cast<double>(z)});
        *out++ = static_cast<float>(1 + 2 * p[0] - 3 * p[1] + 0.5 * p[2]);
      }
    }
  }
  return image;
}

TEST(ResampleTest, KeepsARampThroughObliqueGridsAndTransforms) {
  const AffineTransform turn = rigid_transform({10, -20, 30}, {3, -2, 1}, {5, 5, 5});
  Grid moving_grid = centred_grid({40, 44, 30}, {1, 0.9, 1.7});
  moving_grid.geometry.direction = rigid_transform({5, 15, -25}, {}, {}).matrix;
  const Image moving = ramp_on(moving_grid);
  const Grid grid =
      centred_grid({9, 8, 7}, {1.1, 1.3, 0.7}, map_point(inverse_of(turn), map_point(index_to_point(moving_grid.geometry), {20, 22, 15})));
  const Image result = resample(moving, grid, turn, {.outside = -1000});
  EXPECT_EQ(result.geometry, grid.geometry);
  const float* value = result.data<float>();
  for (int64_t z = 0; z < 7; ++z) {
    for (int64_t y = 0; y < 8; ++y) {
      for (int64_t x = 0; x < 9; ++x) {
        const Point p = map_point(
            turn, map_point(index_to_point(grid.geometry), {static_cast<double>(x), static_cast<double>(y), static_cast<double>(z)}));
        EXPECT_NEAR(*value++, 1 + 2 * p[0] - 3 * p[1] + 0.5 * p[2], 1e-4);
      }
    }
  }
}

RC_GTEST_PROP(ResampleTest, OntoItsOwnGridIsACopy, (bool is_label)) {
  const PixelType type = *rc::gen::element(PixelType::u8, PixelType::i16, PixelType::u16);
  Image image = *any_image(type, *rc::gen::element<int64_t>(1, 3), 4);
  image.geometry = {{0.7, 1.3, 5}, {-10, 20, 30}, rigid_transform({5, 15, -25}, {}, {}).matrix, true};
  const Image result = resample(image, grid_of(image), {}, {.is_label = is_label});
  RC_ASSERT(result.type == (is_label ? type : PixelType::f32));
  const Image expected = convert(image, PixelType::f32), actual = convert(result, PixelType::f32);
  for (int64_t i = 0; i < expected.elements(); ++i) {
    RC_ASSERT(std::abs(expected.data<float>()[i] - actual.data<float>()[i]) <= 1e-3F * std::max(1.0F, std::abs(expected.data<float>()[i])));
  }
}

TEST(ResampleTest, LabelsKeepTheirValuesAndGoToTheNearest) {
  Image labels = image_of<uint8_t>({4, 1, 1}, {1, 2, 3, 4});
  labels.geometry.has_spacing = true;
  Grid grid{{9, 1, 1}, labels.geometry};
  grid.geometry.spacing_mm[0] = 0.5;
  grid.geometry.origin_mm[0] = -0.6;
  const Image result = resample(labels, grid, {}, {.is_label = true, .outside = 9});
  EXPECT_EQ(values_of<uint8_t>(result), (std::vector<uint8_t>{9, 1, 1, 2, 2, 3, 3, 4, 4}));
}

TEST(ResampleTest, TheBorderHoldsForHalfAVoxel) {
  Image image = image_of<float>({2, 1, 1}, {10, 20});
  image.geometry.has_spacing = true;
  Grid grid{{7, 1, 1}, image.geometry};
  grid.geometry.spacing_mm[0] = 0.4;
  grid.geometry.origin_mm[0] = -0.8;
  EXPECT_EQ(values_of<float>(resample(image, grid, {}, {.outside = -1})), (std::vector<float>{-1, 10, 10, 14, 18, 20, -1}));
}

TEST(ResampleTest, ThreadsChangeNothing) {
  const Grid grid = centred_grid({30, 31, 17}, {4, 4, 7});
  const Image head = head_on(grid, {}, false);
  const AffineTransform turn = rigid_transform({3, 4, 5}, {1, 2, 3}, {});
  EXPECT_EQ(resample(head, grid, turn, {.threads = 1}).bytes, resample(head, grid, turn, {.threads = 3}).bytes);
  EXPECT_EQ(smooth(head, 5, 1).bytes, smooth(head, 5, 3).bytes);
}

/// A point becomes the separable Gaussian, whose sum is 1 and whose variance is sigma squared along each axis.
TEST(SmoothTest, APointBecomesAGaussian) {
  Image image = Image::make({41, 31, 21}, 1, PixelType::u8);
  image.geometry.spacing_mm = {0.5, 1, 2};
  image.geometry.has_spacing = true;
  image.data<uint8_t>()[(10 * 31 + 15) * 41 + 20] = 200;
  const double sigma = 1.5;
  const Image result = smooth(image, sigma);
  double sum = 0;
  Point variance{};
  for (int64_t i = 0; i < result.voxels(); ++i) {
    const double value = result.data<float>()[i];
    const Point offset = {0.5 * static_cast<double>(i % 41 - 20), static_cast<double>(i / 41 % 31 - 15),
                          2.0 * static_cast<double>(i / 1271 - 10)};
    sum += value;
    for (size_t j = 0; j < 3; ++j) variance[j] += value * offset[j] * offset[j];
  }
  EXPECT_NEAR(sum, 200, 1e-3);
  for (size_t j = 0; j < 3; ++j) {
    const double voxel = image.geometry.spacing_mm[j];
    EXPECT_NEAR(variance[j] / sum, sigma * sigma + voxel * voxel / 12, 0.02) << j;  // the voxel's own width adds its variance
  }
}

TEST(SmoothTest, AConstantStays) {
  Image image = Image::make({5, 1, 3}, 2, PixelType::f32);
  std::fill_n(image.data<float>(), image.elements(), 7.0F);
  const Image smoothed = smooth(image, 3);
  for (const float value : values_of<float>(smoothed)) EXPECT_NEAR(value, 7, 1e-5);
  EXPECT_EQ(smooth(image, 0).bytes, image.bytes);
}

}  // namespace
}  // namespace larmor::imaging
