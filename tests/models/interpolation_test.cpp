#include "models/interpolation.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "tests/models/support.h"

namespace larmor::models {
namespace {

using testing::filled;
using testing::max_abs;

TEST(Interpolation, AlignedCornersStay) {
  const at::Tensor x = filled("map", {2, 3, 4, 5});
  const at::Tensor y = upsample_bilinear_aligned(x, 7, 9);
  // Twice as many steps between the same corners: every second pixel is one of the map.
  EXPECT_LE(max_abs(y.slice(2, 0, 7, 2).slice(3, 0, 9, 2) - x), 1e-6);
  EXPECT_LE(max_abs(y.slice(2, 1, 7, 2).slice(3, 0, 9, 2) - (x.slice(2, 0, 3) + x.slice(2, 1, 4)) / 2), 1e-6);
}

/// Doubling by definition: pixel i of the result lies at (i + 0.5) / 2 - 0.5 of the map, held at the border.
at::Tensor doubled_rows(const at::Tensor& x) {
  const int64_t rows = x.size(2);
  std::vector<at::Tensor> result;
  for (int64_t i = 0; i < 2 * rows; ++i) {
    const int64_t low = std::max<int64_t>((i - 1) / 2, 0), high = std::min(i / 2 + i % 2, rows - 1);
    const double weight = i == 0 ? 0 : (i % 2 == 1 ? 0.25 : 0.75);
    result.push_back(x.select(2, low) * (1 - weight) + x.select(2, high) * weight);
  }
  return at::stack(result, 2);
}

TEST(Interpolation, EveryModeDoubles) {
  const at::Tensor x = filled("map", {2, 3, 4, 5});
  const at::Tensor repeated = x.repeat_interleave(2, 2).repeat_interleave(2, 3);
  const at::Tensor linear = doubled_rows(doubled_rows(x).transpose(2, 3)).transpose(2, 3);
  for (const std::string& mode : interpolation_modes()) {
    SCOPED_TRACE(mode);
    const at::Tensor y = interpolate(x, 8, 10, mode);
    ASSERT_EQ(y.sizes(), repeated.sizes());
    if (mode == "bilinear") {
      EXPECT_LE(max_abs(y - linear), 1e-6);
    } else if (mode == "bicubic") {
      EXPECT_LE(max_abs(interpolate(at::ones_like(x), 8, 10, mode) - 1), 1e-6);
      EXPECT_GT(max_abs(y - linear), 0.01);
    } else {
      EXPECT_TRUE(at::equal(y, repeated));
    }
  }
}

}  // namespace
}  // namespace larmor::models
