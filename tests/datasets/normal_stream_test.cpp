#include "datasets/normal_stream.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace larmor::datasets {
namespace {

std::vector<float> draw(RandomKey key, size_t count) {
  std::vector<float> values(count);
  NormalStream(key).fill(values);
  return values;
}

TEST(NormalStream, HasTheMomentsAndTailsOfANormalDistribution) {
  const std::vector<float> values = draw(RandomKey(7), 400000);
  const auto count = static_cast<double>(values.size());
  double sum = 0, squares = 0, fourth = 0, above_2 = 0;
  for (const double v : values) {
    sum += v;
    squares += v * v;
    fourth += v * v * v * v;
    above_2 += v > 2;
  }
  // Five standard errors of each estimate.
  EXPECT_NEAR(sum / count, 0, 5 / std::sqrt(count));
  EXPECT_NEAR(squares / count, 1, 5 * std::sqrt(2 / count));
  EXPECT_NEAR(fourth / count, 3, 5 * std::sqrt(96 / count));
  EXPECT_NEAR(above_2 / count, std::erfc(2 / std::sqrt(2.0)) / 2, 5 * std::sqrt(0.0228 / count));
  EXPECT_LT(*std::max_element(values.begin(), values.end()), 4.34f);
}

TEST(NormalStream, DependsOnTheKeyAlone) {
  EXPECT_EQ(draw(RandomKey(1), 100), draw(RandomKey(1), 100));
  EXPECT_NE(draw(RandomKey(1), 100), draw(RandomKey(2), 100));
}

TEST(NormalStream, MayBeFilledInPieces) {
  const std::vector<float> whole = draw(RandomKey(3), 61);
  NormalStream stream(RandomKey(3));
  std::vector<float> pieces(61);
  stream.fill(std::span(pieces).first(16));
  stream.fill(std::span(pieces).subspan(16, 40));
  stream.fill(std::span(pieces).subspan(56));
  EXPECT_EQ(pieces, whole);
}

}  // namespace
}  // namespace larmor::datasets
