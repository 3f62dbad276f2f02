// A head made of ellipsoids with soft rims, sampled on any grid in two contrasts: what registration can be tried on.
#pragma once
#include <array>
#include <cmath>
#include <vector>

#include "imaging/resample.h"

namespace larmor::imaging {

struct Ellipsoid {
  Point centre_mm;
  Point radii_mm;
  double t1, flair;  ///< intensity inside
};

inline const std::vector<Ellipsoid>& head_parts() {
  static const std::vector<Ellipsoid> parts = {
      {{0, 0, 0}, {48, 60, 52}, 700, 300},    {{0, 0, 0}, {45, 57, 49}, 150, 60},      {{0, 1, 2}, {42, 53, 45}, 500, 520},
      {{-18, 2, 4}, {16, 34, 26}, 800, 400},  {{19, 0, 3}, {16, 33, 27}, 800, 400},    {{-7, -8, 10}, {5, 20, 8}, 120, 90},
      {{8, -6, 11}, {4, 18, 9}, 120, 90},     {{14, 22, 20}, {9, 8, 7}, 300, 950},     {{-20, -25, -6}, {6, 7, 8}, 950, 700},
      {{0, 30, -30}, {20, 14, 10}, 620, 480}, {{-30, 55, -10}, {6, 10, 14}, 640, 250},
  };
  return parts;
}

/// Each part lies over those before it; its rim is 1.5 mm wide.
inline double head_value(const Point& p, bool is_flair) {
  double value = 0;
  for (const Ellipsoid& part : head_parts()) {
    double radius = 0;
    for (size_t i = 0; i < 3; ++i) radius += std::pow((p[i] - part.centre_mm[i]) / part.radii_mm[i], 2);
    radius = std::sqrt(radius);
    const double depth_mm = (1 - radius) * std::min({part.radii_mm[0], part.radii_mm[1], part.radii_mm[2]});
    const double share = 1 / (1 + std::exp(-depth_mm / 0.4));
    value += share * ((is_flair ? part.flair : part.t1) - value);
  }
  return value;
}

/// The head on a grid; `grid_to_head` places it. A voxel is the mean over its thickness.
inline Image head_on(const Grid& grid, const AffineTransform& grid_to_head, bool is_flair) {
  Image image = Image::make(grid.size, 1, PixelType::i16);
  image.geometry = grid.geometry;
  const AffineTransform place = compose(grid_to_head, index_to_point(grid.geometry));
  const int parts = std::max(1, static_cast<int>(grid.geometry.spacing_mm[2]));
  int16_t* out = image.data<int16_t>();
  uint32_t noise = 12345;
  for (int64_t z = 0; z < grid.size[2]; ++z) {
    for (int64_t y = 0; y < grid.size[1]; ++y) {
      for (int64_t x = 0; x < grid.size[0]; ++x, ++out) {
        double sum = 0;
        for (int part = 0; part < parts; ++part) {
          const double within = (part + 0.5) / parts - 0.5;
          sum += head_value(map_point(place, {static_cast<double>(x), static_cast<double>(y), static_cast<double>(z) + within}), is_flair);
        }
        noise = noise * 1664525U + 1013904223U;
        *out = static_cast<int16_t>(std::lround(sum / parts + 30 * (noise >> 8) / double{1 << 24}));
      }
    }
  }
  return image;
}

/// A grid of these voxels whose middle is at `centre_mm`.
inline Grid centred_grid(std::array<int64_t, 3> size, const Point& spacing_mm, const Point& centre_mm = {0, 0, 0}) {
  Grid grid{size, {}};
  grid.geometry.spacing_mm = spacing_mm;
  grid.geometry.has_spacing = true;
  for (size_t i = 0; i < 3; ++i) grid.geometry.origin_mm[i] = centre_mm[i] - 0.5 * spacing_mm[i] * static_cast<double>(size[i] - 1);
  return grid;
}

}  // namespace larmor::imaging
