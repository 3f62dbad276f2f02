#include "imaging/spline_resize.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "tests/imaging/support.h"
#include "tests/support/buda_golden.h"

namespace larmor::imaging {
namespace {

using larmor::testing::BudaGolden;
using larmor::testing::largest_difference;

TEST(SplineResizeGolden, EqualsMapCoordinates) {
  LARMOR_NEEDS(BudaGolden::file(), "buda.json");
  const BudaGolden golden;
  int64_t run = 0;
  for (const auto& one : golden.cases("resize")) {
    const std::string name = "resize/" + one.at("name").get<std::string>();
    const Image input = golden.image(name + "/input"), smooth = golden.image(name + "/order2"), nearest = golden.image(name + "/order0");
    EXPECT_LE(largest_difference(resize_quadratic(input, smooth.width(), smooth.height()), smooth), golden.tolerance("resize")) << name;
    EXPECT_EQ(largest_difference(resize_nearest(input, nearest.width(), nearest.height()), nearest), 0) << name;
    ++run;
  }
  EXPECT_GT(run, 0);
  std::cout << run << " cases run, 0 skipped\n";
}

TEST(SplineResize, TheSameSizeIsTheSameImage) {
  const Image image = image_of<uint8_t>({3, 2, 1}, {1, 2, 3, 40, 50, 255});
  EXPECT_EQ(resize_nearest(image, 3, 2).bytes, image.bytes);
  EXPECT_EQ(resize_quadratic(image, 3, 2).bytes, convert(image, PixelType::f32).bytes);
}

TEST(SplineResize, AMagnifiedImageHasABlackRim) {
  const Image image = image_of<uint8_t>({2, 2, 1}, {9, 9, 9, 9});
  const std::vector<uint8_t> expected{0, 0, 0, 0, 0, 9, 9, 0, 0, 9, 9, 0, 0, 0, 0, 0};
  const Image nearest = resize_nearest(image, 4, 4);
  EXPECT_EQ(std::vector<uint8_t>(nearest.data<uint8_t>(), nearest.data<uint8_t>() + 16), expected);
  const Image smooth = resize_quadratic(image, 4, 4);
  for (size_t i = 0; i < 16; ++i) EXPECT_NEAR(smooth.data<float>()[i], expected[i], 1e-5) << i;
}

RC_GTEST_PROP(SplineResize, AnOddFactorKeepsThePixelsThemselves, ()) {
  // Magnified three times, every third output pixel lies on an input pixel.
  const auto width = *rc::gen::inRange<int64_t>(1, 9), height = *rc::gen::inRange<int64_t>(1, 9);
  const auto values = *rc::gen::container<std::vector<uint8_t>>(static_cast<size_t>(2 * width * height), rc::gen::arbitrary<uint8_t>());
  const Image image = image_of<uint8_t>({width, height, 1}, values, 2);
  const Image large = resize_quadratic(image, 3 * width, 3 * height);
  for (int64_t i = 0; i < image.elements(); ++i) {
    const int64_t c = i % 2, x = i / 2 % width, y = i / 2 / width;
    const float got = large.data<float>()[((3 * y + 1) * large.width() + 3 * x + 1) * 2 + c];
    RC_ASSERT(std::abs(got - static_cast<float>(values[static_cast<size_t>(i)])) < 1e-3F);
  }
}

}  // namespace
}  // namespace larmor::imaging
