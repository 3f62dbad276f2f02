#include "imaging/orient.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace larmor::imaging {
namespace {

/// Every voxel holds its own index.
Image numbered(std::array<int64_t, 3> size, int64_t channels) {
  Image image = Image::make(size, channels, PixelType::i32);
  for (int64_t i = 0; i < image.elements(); ++i) image.data<int32_t>()[i] = static_cast<int32_t>(i);
  image.geometry.has_spacing = true;
  image.geometry.spacing_mm = {0.8, 1.5, 5};
  image.geometry.origin_mm = {-90, 20.5, 7};
  return image;
}

std::array<double, 3> place_of(const Geometry& g, double x, double y, double z) {
  std::array<double, 3> place = g.origin_mm;
  const std::array<double, 3> index = {x, y, z};
  for (size_t row = 0; row < 3; ++row) {
    for (size_t j = 0; j < 3; ++j) place[row] += g.direction[3 * row + j] * g.spacing_mm[j] * index[j];
  }
  return place;
}

/// The 48 ways in which axes can lie, as direction matrices.
std::vector<std::array<double, 9>> all_directions() {
  std::vector<std::array<double, 9>> all;
  std::array<int, 3> axes{0, 1, 2};
  do {
    for (int signs = 0; signs < 8; ++signs) {
      std::array<double, 9> direction{};
      for (int j = 0; j < 3; ++j) {
        direction[static_cast<size_t>(3) * static_cast<size_t>(axes[static_cast<size_t>(j)]) + static_cast<size_t>(j)] =
            (signs >> j) & 1 ? -1 : 1;
      }
      all.push_back(direction);
    }
  } while (std::next_permutation(axes.begin(), axes.end()));
  return all;
}

TEST(Orient, LpsStaysAsItIs) { EXPECT_EQ(order_to_lps(Geometry{}), AxisOrder{}); }

TEST(Orient, EveryOrientationBecomesLpsAndComesBack) {
  for (const std::array<double, 9>& direction : all_directions()) {
    Image image = numbered({3, 4, 2}, 2);
    image.geometry.direction = direction;
    const AxisOrder order = order_to_lps(image.geometry);
    const Image turned = reorder_axes(image, order);
    EXPECT_EQ(turned.geometry.direction, Geometry{}.direction);
    const Image back = restore_axes(turned, order);
    EXPECT_EQ(back.size, image.size);
    EXPECT_EQ(back.bytes, image.bytes);
    EXPECT_EQ(back.geometry.direction, image.geometry.direction);
    EXPECT_EQ(back.geometry.spacing_mm, image.geometry.spacing_mm);
    for (size_t i = 0; i < 3; ++i) EXPECT_NEAR(back.geometry.origin_mm[i], image.geometry.origin_mm[i], 1e-9);
  }
}

TEST(Orient, VoxelsKeepTheirPlaceInSpace) {
  for (const std::array<double, 9>& direction : all_directions()) {
    Image image = numbered({3, 4, 2}, 1);
    image.geometry.direction = direction;
    const Image turned = reorder_axes(image, order_to_lps(image.geometry));
    for (int64_t i = 0; i < turned.voxels(); ++i) {
      const int64_t from = turned.data<int32_t>()[i];
      const auto here =
          place_of(turned.geometry, i % turned.size[0], i / turned.size[0] % turned.size[1], i / (turned.size[0] * turned.size[1]));
      const auto there = place_of(image.geometry, from % 3, from / 3 % 4, from / 12);
      for (size_t j = 0; j < 3; ++j) ASSERT_NEAR(here[j], there[j], 1e-9);
    }
  }
}

TEST(Orient, ObliqueVolumesKeepTheirAngle) {
  Geometry geometry;
  const double c = std::cos(0.3), s = std::sin(0.3);
  geometry.direction = {c, -s, 0, s, c, 0, 0, 0, 1};
  EXPECT_EQ(order_to_lps(geometry), AxisOrder{});
  geometry.direction = {0, 0, 1, c, -s, 0, -s, -c, 0};  // sagittal slices, tilted
  EXPECT_EQ(order_to_lps(geometry), (AxisOrder{{2, 0, 1}, {false, false, true}}));
}

}  // namespace
}  // namespace larmor::imaging
