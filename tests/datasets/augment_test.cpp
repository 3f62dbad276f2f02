#include "datasets/augment.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <cstring>
#include <functional>

#include "core/config.h"
#include "datasets/resize_rotate.h"
#include "tests/datasets/support.h"

namespace larmor::datasets {
namespace {

using imaging::Image;
using imaging::PixelType;

RawSample make_sample(int64_t width, int64_t height, int64_t channels = 3, PixelType type = PixelType::u8) {
  RawSample sample = testing::MemorySource({.slices = 6, .width = width, .height = height, .channels = channels, .type = type}).load(5);
  for (int64_t i = 0; i < sample.label.voxels(); ++i) sample.label.data<uint8_t>()[i] = static_cast<uint8_t>(i % 251);
  return sample;
}

/// The pixel at (x, y) of `result` comes from `source(x, y)` of `image`.
void expect_moved(const Image& image, const Image& result, std::function<std::pair<int64_t, int64_t>(int64_t, int64_t)> source) {
  const size_t pixel = static_cast<size_t>(image.channels) * imaging::size_of(image.type);
  for (int64_t y = 0; y < result.height(); ++y) {
    for (int64_t x = 0; x < result.width(); ++x) {
      const auto [from_x, from_y] = source(x, y);
      const auto* expected = image.bytes.data() + static_cast<size_t>(from_y * image.width() + from_x) * pixel;
      const auto* got = result.bytes.data() + static_cast<size_t>(y * result.width() + x) * pixel;
      ASSERT_TRUE(std::equal(expected, expected + pixel, got)) << x << " " << y;
    }
  }
}

TEST(Augment, WithoutStepsChangesNothing) {
  for (const PixelType type : {PixelType::u8, PixelType::f32}) {
    const RawSample original = make_sample(13, 9, 3, type);
    RawSample sample = original;
    augment(sample, {}, RandomKey(1));
    EXPECT_EQ(sample.image.bytes, original.image.bytes);
    EXPECT_EQ(sample.label.bytes, original.label.bytes);
    EXPECT_EQ(sample.key, original.key);
  }
}

TEST(Augment, FlipsImageAndLabel) {
  const RawSample original = make_sample(13, 9);
  RawSample sample = original;
  augment(sample, {.flip_horizontal = 1}, RandomKey(1));
  const auto mirrored_x = [](int64_t x, int64_t y) { return std::pair(12 - x, y); };
  expect_moved(original.image, sample.image, mirrored_x);
  expect_moved(original.label, sample.label, mirrored_x);

  sample = original;
  augment(sample, {.flip_vertical = 1}, RandomKey(1));
  const auto mirrored_y = [](int64_t x, int64_t y) { return std::pair(x, 8 - y); };
  expect_moved(original.image, sample.image, mirrored_y);
  expect_moved(original.label, sample.label, mirrored_y);
}

/// numpy.rot90 by k quarter turns.
std::pair<int64_t, int64_t> turned(int64_t k, int64_t x, int64_t y, int64_t width, int64_t height) {
  switch (k) {
    case 1:
      return {width - 1 - y, x};
    case 2:
      return {width - 1 - x, height - 1 - y};
    case 3:
      return {y, height - 1 - x};
    default:
      return {x, y};
  }
}

TEST(Augment, TurnsCounterClockwiseByEveryQuarter) {
  const RawSample original = make_sample(13, 9);
  std::array<int, 4> seen{};
  for (uint64_t seed = 0; seed < 40; ++seed) {
    RawSample sample = original;
    augment(sample, {.quarter_turns = 1}, RandomKey(seed));
    for (int64_t k = 1; k <= 3; ++k) {
      const auto [width, height] = k % 2 ? std::pair(9, 13) : std::pair(13, 9);
      if (sample.image.width() != width || sample.image.height() != height) continue;
      const auto [x, y] = turned(k, 0, 0, 13, 9);
      if (std::memcmp(sample.image.bytes.data(), original.image.bytes.data() + 3 * (y * 13 + x), 3) != 0) continue;
      ++seen[static_cast<size_t>(k)];
      const auto source = [k](int64_t to_x, int64_t to_y) { return turned(k, to_x, to_y, 13, 9); };
      expect_moved(original.image, sample.image, source);
      expect_moved(original.label, sample.label, source);
    }
  }
  EXPECT_EQ(seen[1] + seen[2] + seen[3], 40);
  for (const int k : {1, 2, 3}) EXPECT_GT(seen[static_cast<size_t>(k)], 4) << k;
}

TEST(Augment, OrderIsFlipsThenTurns) {
  const RawSample original = make_sample(13, 9);
  for (uint64_t seed = 0; seed < 20; ++seed) {
    RawSample only_turned = original, both = original, flipped_first = original;
    augment(flipped_first, {.flip_horizontal = 1}, RandomKey(seed));
    augment(flipped_first, {.quarter_turns = 1}, RandomKey(seed));
    augment(both, {.flip_horizontal = 1, .quarter_turns = 1}, RandomKey(seed));
    ASSERT_EQ(both.image.bytes, flipped_first.image.bytes);
    ASSERT_EQ(both.label.bytes, flipped_first.label.bytes);
  }
}

/// Only the affine step, with fixed numbers.
AugmentOptions affine(double rotate, double scale, double shift, double shear) {
  return {.affine = 1, .rotate_deg = {rotate, rotate}, .scale = {scale, scale}, .shift = {shift, shift}, .shear_deg = {shear, shear}};
}

TEST(Augment, AffineByWholeQuartersEqualsTurns) {
  const RawSample original = make_sample(12, 12);
  for (const int64_t k : {1, 2, 3}) {
    RawSample sample = original;
    augment(sample, affine(90.0 * static_cast<double>(k), 1, 0, 0), RandomKey(5));
    const auto source = [k](int64_t x, int64_t y) { return turned(k, x, y, 12, 12); };
    expect_moved(original.image, sample.image, source);
    expect_moved(original.label, sample.label, source);
  }
}

TEST(Augment, AffineShiftsByAPartOfTheSize) {
  const RawSample original = make_sample(12, 12);
  RawSample sample = original;
  augment(sample, affine(0, 1, 0.25, 0), RandomKey(5));  // 3 pixels to the right and down
  for (int64_t y = 0; y < 12; ++y) {
    for (int64_t x = 0; x < 12; ++x) {
      const uint8_t expected = x >= 3 && y >= 3 ? original.label.data<uint8_t>()[(y - 3) * 12 + x - 3] : uint8_t{0};
      ASSERT_EQ(sample.label.data<uint8_t>()[y * 12 + x], expected) << x << " " << y;
    }
  }
}

TEST(Augment, AffineMatchesAPlainImplementation) {
  // Bilinear interpolation about the centre in double precision; OpenCV rounds positions to 1/32 of a pixel.
  const RawSample original = make_sample(24, 24, 1, PixelType::f32);
  Image smooth = original.image;
  for (int64_t y = 0; y < 24; ++y) {
    for (int64_t x = 0; x < 24; ++x)
      smooth.data<float>()[y * 24 + x] = static_cast<float>(0.5 + 0.3 * std::sin(0.3 * x) * std::cos(0.2 * y));
  }
  RawSample sample{original.key, smooth, original.label};
  const double angle = 11 * M_PI / 180, scale = 1.2, shift = 0.05 * 24, shear = std::tan(7 * M_PI / 180);
  augment(sample, affine(11, 1.2, 0.05, 7), RandomKey(5));
  int inside = 0;
  for (int64_t y = 0; y < 24; ++y) {
    for (int64_t x = 0; x < 24; ++x) {
      // Backwards: shift, rotation (counter-clockwise on a screen whose y points down), shear, zoom.
      const double u = x - 11.5 - shift, v = y - 11.5 - shift;
      const double rotated_u = std::cos(angle) * u - std::sin(angle) * v, rotated_v = std::sin(angle) * u + std::cos(angle) * v;
      const double from_x = (rotated_u - shear * rotated_v) / scale + 11.5, from_y = rotated_v / scale + 11.5;
      if (from_x < 0 || from_y < 0 || from_x > 23 || from_y > 23) continue;
      const double expected = 0.5 + 0.3 * std::sin(0.3 * from_x) * std::cos(0.2 * from_y);
      ASSERT_NEAR(sample.image.data<float>()[y * 24 + x], expected, 0.01) << x << " " << y;  // interpolation 0.004, position 0.003
      ++inside;
    }
  }
  EXPECT_GT(inside, 350);
}

TEST(Augment, LabelsNeverGetNewValues) {
  RawSample sample = make_sample(31, 31);
  for (int64_t i = 0; i < sample.label.voxels(); ++i) sample.label.data<uint8_t>()[i] = i % 3 ? 200 : 90;
  augment(sample, affine(13, 0.93, 0.02, 3), RandomKey(8));
  for (int64_t i = 0; i < sample.label.voxels(); ++i) {
    const int value = sample.label.data<uint8_t>()[i];
    ASSERT_TRUE(value == 0 || value == 90 || value == 200) << value;
  }
}

/// Plain arithmetic of the tone steps on one value of 0 … 1.
double clipped(double v) { return std::clamp(v, 0.0, 1.0); }

TEST(Augment, ToneStepsMatchTheirFormulas) {
  for (const PixelType type : {PixelType::u8, PixelType::f32}) {
    const RawSample original = make_sample(17, 15, 3, type);
    RawSample sample = original;
    augment(sample,
            {.brightness = 1,
             .brightness_range = {0.2, 0.2},
             .contrast = 1,
             .contrast_range = {1.5, 1.5},
             .gamma = 1,
             .gamma_range = {0.7, 0.7}},
            RandomKey(4));
    const auto value = [&](const Image& image, int64_t i) {
      return type == PixelType::u8 ? image.data<uint8_t>()[i] / 255.0 : static_cast<double>(image.data<float>()[i]);
    };
    double mean = 0;
    for (int64_t i = 0; i < original.image.elements(); ++i) mean += clipped(value(original.image, i) + 0.2);
    mean /= static_cast<double>(original.image.elements());
    const double tolerance = type == PixelType::u8 ? 0.5 / 255 + 1e-9 : 1e-6;  // rounded once
    for (int64_t i = 0; i < original.image.elements(); ++i) {
      const double bright = clipped(value(original.image, i) + 0.2);
      const double expected = std::pow(clipped(mean + 1.5 * (bright - mean)), 0.7);
      ASSERT_NEAR(value(sample.image, i), expected, tolerance) << i;
    }
    EXPECT_EQ(sample.label.bytes, original.label.bytes);
  }
}

TEST(Augment, NoiseHasTheWantedSd) {
  for (const PixelType type : {PixelType::u8, PixelType::f32}) {
    RawSample sample = make_sample(128, 128, 1, type);
    for (int64_t i = 0; i < sample.image.elements(); ++i) {
      if (type == PixelType::u8) {
        sample.image.data<uint8_t>()[i] = 128;
      } else {
        sample.image.data<float>()[i] = 0.5f;
      }
    }
    augment(sample, {.noise = 1, .noise_sd = {0.05, 0.05}}, RandomKey(4));
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < sample.image.elements(); ++i) {
      const double d = type == PixelType::u8 ? (sample.image.data<uint8_t>()[i] - 128) / 255.0 : sample.image.data<float>()[i] - 0.5;
      sum += d;
      squares += d * d;
    }
    const auto count = static_cast<double>(sample.image.elements());
    EXPECT_NEAR(sum / count, 0, 5 * 0.05 / std::sqrt(count));
    EXPECT_NEAR(std::sqrt(squares / count), 0.05, 0.0015);
  }
}

TEST(Augment, NoiseStaysInTheValueRange) {
  RawSample sample = make_sample(32, 32, 1, PixelType::f32);
  augment(sample, {.noise = 1, .noise_sd = {0.5, 0.5}}, RandomKey(4));
  for (int64_t i = 0; i < sample.image.elements(); ++i) {
    ASSERT_GE(sample.image.data<float>()[i], 0);
    ASSERT_LE(sample.image.data<float>()[i], 1);
  }
}

AugmentOptions everything() {
  return {.flip_horizontal = .5,
          .flip_vertical = .5,
          .quarter_turns = .5,
          .affine = .5,
          .shear_deg = {-5, 5},
          .brightness = .5,
          .contrast = .5,
          .gamma = .5,
          .noise = .5};
}

RC_GTEST_PROP(AugmentProperty, DependsOnTheKeyAlone, ()) {
  const auto seed = *rc::gen::arbitrary<uint64_t>();
  const RawSample original = make_sample(20, 20);
  RawSample a = original, b = original, reused = make_sample(9, 14);
  augment(a, everything(), RandomKey(seed));
  augment(b, everything(), RandomKey(seed));
  augment_into(original, everything(), RandomKey(seed), reused);
  RC_ASSERT(a.image.bytes == b.image.bytes);
  RC_ASSERT(a.label.bytes == b.label.bytes);
  RC_ASSERT(a.image.bytes == reused.image.bytes);
  RC_ASSERT(a.label.bytes == reused.label.bytes);
  RC_ASSERT(a.image.size == reused.image.size);
}

RC_GTEST_PROP(AugmentProperty, AStepDoesNotChangeTheDrawsOfOthers, ()) {
  const auto seed = *rc::gen::arbitrary<uint64_t>();
  RawSample with_gamma = make_sample(20, 20), without = with_gamma;
  AugmentOptions options = everything();
  options.contrast = options.brightness = options.noise = 0;
  options.gamma = 1;
  options.gamma_range = {1, 1};  // drawn, but without effect
  augment(with_gamma, options, RandomKey(seed));
  options.gamma = 0;
  augment(without, options, RandomKey(seed));
  RC_ASSERT(with_gamma.image.bytes == without.image.bytes);
  RC_ASSERT(with_gamma.label.bytes == without.label.bytes);
}

TEST(Augment, ProbabilitiesAreKept) {
  const RawSample original = make_sample(8, 8);
  int changed = 0;
  for (uint64_t seed = 0; seed < 2000; ++seed) {
    RawSample sample = original;
    augment(sample, {.flip_horizontal = 0.3}, RandomKey(seed));
    changed += sample.image.bytes != original.image.bytes;
  }
  EXPECT_NEAR(changed / 2000.0, 0.3, 5 * std::sqrt(0.21 / 2000));
}

TEST(Augment, ACaseWithoutLabelStaysWithout) {
  RawSample sample = make_sample(8, 8);
  sample.label = {};
  augment(sample, everything(), RandomKey(3));
  EXPECT_EQ(sample.label.voxels(), 0);
}

TEST(AugmentError, ABareNumberIsNoRange) {
  AugmentOptions options;
  Problems problems;
  options_of(options).read(parse_yaml("{rotate_deg: 15, shift: [0.1], scale: [1.1, 0.9], flip_horizontal: 1.5}", "a.yaml"), problems,
                           "data.augment.");
  std::vector<std::string> lines = problems.lines();
  std::sort(lines.begin(), lines.end());
  EXPECT_EQ(lines, (std::vector<std::string>{"a.yaml:1: data.augment.flip_horizontal: 1.5 is not allowed; must be in [0, 1]",
                                             "a.yaml:1: data.augment.rotate_deg: '15' is not a range; write [min, max]",
                                             "a.yaml:1: data.augment.scale: [1.1, 0.9] is not a range; min must be <= max",
                                             "a.yaml:1: data.augment.shift: a list of 1 is not a range; write [min, max]"}));
}

TEST(Augment, ResizeAndRotateAreTwoStepsBeforeTheFlip) {
  const RawSample original = make_sample(16, 16, 3, PixelType::f32);
  AugmentOptions options = affine(9, 1.1, 0, 0);
  options.affine_method = "resize_rotate";
  options.flip_horizontal = 1;
  RawSample sample = original;
  augment(sample, options, RandomKey(5));
  const auto changed = [](const Image& image, Sampling sampling) {
    return rotate_in_place(rescale_in_place(image, 1.1, sampling), 9, sampling);
  };
  const auto mirrored = [](int64_t x, int64_t y) { return std::pair(15 - x, y); };
  expect_moved(changed(original.image, Sampling::linear), sample.image, mirrored);
  expect_moved(changed(original.label, Sampling::nearest), sample.label, mirrored);
}

TEST(AugmentError, ResizeAndRotateKnowNoShift) {
  AugmentOptions options;
  options.affine_method = "resize_rotate";
  Problems problems;
  options_of(options).read(parse_yaml("affine: 1", "a.yaml"), problems);
  EXPECT_EQ(
      problems.lines(),
      std::vector<std::string>{"a.yaml:1: affine_method: resize_rotate knows neither shift nor shear; set shift and shear_deg to [0, 0]"});
}

}  // namespace
}  // namespace larmor::datasets
