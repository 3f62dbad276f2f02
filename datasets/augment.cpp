#include "datasets/augment.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numbers>
#include <opencv2/imgproc.hpp>

#include "core/error.h"
#include "datasets/normal_stream.h"
#include "datasets/resize_rotate.h"
#include "imaging/opencv.h"

namespace larmor::datasets {

namespace {

using imaging::Image;
using imaging::PixelType;

constexpr size_t kLevels = 256;

/// What happens to the places of pixels: transposed, then mirrored, then warped.
struct Placement {
  bool transpose = false;
  bool mirror_x = false;
  bool mirror_y = false;
  bool has_warp = false;
  double angle_deg = 0;
  double scale = 1;
  double shift_x = 0;
  double shift_y = 0;
  double shear_deg = 0;
};

/// What happens to values, as parts of the value range.
struct Tone {
  bool has_brightness = false, has_contrast = false, has_gamma = false, has_noise = false;
  double brightness = 0;
  double contrast = 1;
  double gamma = 1;
  double noise_sd = 0;
  bool is_identity() const { return !has_brightness && !has_contrast && !has_gamma; }
};

double draw(Random& random, const std::array<double, 2>& range) { return random.uniform(range[0], range[1]); }

/// A turn by 90 degrees counter-clockwise after what is already there.
void turn(Placement& placement) {
  placement.transpose = !placement.transpose;
  std::swap(placement.mirror_x, placement.mirror_y);
  placement.mirror_y = !placement.mirror_y;
}

Placement draw_placement(const AugmentOptions& options, RandomKey key) {
  Placement placement;
  placement.mirror_x = Random(key.with("flip_horizontal")).chance(options.flip_horizontal);
  placement.mirror_y = Random(key.with("flip_vertical")).chance(options.flip_vertical);
  Random turns(key.with("quarter_turns"));
  if (turns.chance(options.quarter_turns)) {
    const int64_t count = 1 + turns.integer(3);
    for (int64_t i = 0; i < count; ++i) turn(placement);
  }
  Random affine(key.with("affine"));
  placement.has_warp = affine.chance(options.affine);
  if (placement.has_warp) {
    placement.angle_deg = draw(affine, options.rotate_deg);
    placement.scale = draw(affine, options.scale);
    placement.shift_x = draw(affine, options.shift);
    placement.shift_y = draw(affine, options.shift);
    placement.shear_deg = draw(affine, options.shear_deg);
  }
  return placement;
}

bool draw_value(RandomKey key, std::string_view step, double probability, const std::array<double, 2>& range, double& value) {
  Random random(key.with(step));
  if (!random.chance(probability)) return false;
  value = draw(random, range);
  return true;
}

Tone draw_tone(const AugmentOptions& options, RandomKey key) {
  Tone tone;
  tone.has_brightness = draw_value(key, "brightness", options.brightness, options.brightness_range, tone.brightness);
  tone.has_contrast = draw_value(key, "contrast", options.contrast, options.contrast_range, tone.contrast);
  tone.has_gamma = draw_value(key, "gamma", options.gamma, options.gamma_range, tone.gamma);
  tone.has_noise = draw_value(key, "noise", options.noise, options.noise_sd, tone.noise_sd);
  return tone;
}

cv::Matx33d translation(double x, double y) { return {1, 0, x, 0, 1, y, 0, 0, 1}; }

/// Where a pixel of a width × height image goes.
cv::Matx33d forward_matrix(const Placement& placement, double width, double height) {
  cv::Matx33d matrix = cv::Matx33d::eye();
  if (placement.transpose) {
    matrix = {0, 1, 0, 1, 0, 0, 0, 0, 1};
    std::swap(width, height);
  }
  if (placement.mirror_x) matrix = cv::Matx33d(-1, 0, width - 1, 0, 1, 0, 0, 0, 1) * matrix;
  if (placement.mirror_y) matrix = cv::Matx33d(1, 0, 0, 0, -1, height - 1, 0, 0, 1) * matrix;
  const double angle = placement.angle_deg * std::numbers::pi / 180;
  const cv::Matx33d rotation(std::cos(angle), std::sin(angle), 0, -std::sin(angle), std::cos(angle), 0, 0, 0, 1);  // y points down
  const cv::Matx33d shear(1, std::tan(placement.shear_deg * std::numbers::pi / 180), 0, 0, 1, 0, 0, 0, 1);
  const cv::Matx33d zoom(placement.scale, 0, 0, 0, placement.scale, 0, 0, 0, 1);
  const double x = (width - 1) / 2, y = (height - 1) / 2;
  return translation(x + placement.shift_x * width, y + placement.shift_y * height) * rotation * shear * zoom * translation(-x, -y) *
         matrix;
}

/// Makes `image` fit, keeping its memory where it is large enough.
void shape_as(Image& image, int64_t width, int64_t height, const Image& model) {
  image.size = {width, height, 1};
  image.channels = model.channels;
  image.type = model.type;
  image.geometry = model.geometry;
  image.bytes.resize(static_cast<size_t>(image.elements()) * imaging::size_of(image.type));
}

void mirror(const cv::Mat& from, cv::Mat& to, const Placement& placement) {
  if (placement.mirror_x && placement.mirror_y) {
    cv::flip(from, to, -1);
  } else if (placement.mirror_x || placement.mirror_y) {
    cv::flip(from, to, placement.mirror_x ? 1 : 0);
  } else {
    from.copyTo(to);
  }
}

/// Rows become columns. (OpenCV's function knows only some sizes of pixels.)
void transpose(const Image& from, Image& to) {
  const size_t pixel = static_cast<size_t>(from.channels) * imaging::size_of(from.type);
  const auto width = static_cast<size_t>(from.width()), height = static_cast<size_t>(from.height());
  for (size_t y = 0; y < height; ++y) {
    for (size_t x = 0; x < width; ++x)
      std::memcpy(to.bytes.data() + (x * height + y) * pixel, from.bytes.data() + (y * width + x) * pixel, pixel);
  }
}

void move_pixels(const Image& image, const Placement& placement, int interpolation, Image& result) {
  const bool swap = placement.transpose;
  shape_as(result, swap ? image.height() : image.width(), swap ? image.width() : image.height(), image);
  if (image.voxels() == 0) return;
  const cv::Mat from = imaging::matrix_of(image);
  cv::Mat to = imaging::matrix_of(result);
  if (placement.has_warp) {
    const cv::Matx33d forward = forward_matrix(placement, static_cast<double>(image.width()), static_cast<double>(image.height()));
    const cv::Matx23d inverse = forward.inv().get_minor<2, 3>(0, 0);
    cv::warpAffine(from, to, inverse, to.size(), interpolation | cv::WARP_INVERSE_MAP, cv::BORDER_CONSTANT, cv::Scalar::all(0));
  } else if (swap) {
    transpose(image, result);
    if (placement.mirror_x || placement.mirror_y) mirror(to, to, placement);
  } else {
    mirror(from, to, placement);
  }
}

Image resized_and_rotated(const Image& image, const Placement& placement, Sampling sampling) {
  if (image.voxels() == 0) return image;
  return rotate_in_place(rescale_in_place(image, placement.scale, sampling), placement.angle_deg, sampling);
}

/// The mean of all values after `table`, from how often each occurs.
double mean_after(const Image& image, const std::array<double, kLevels>& table) {
  std::array<std::array<uint32_t, kLevels>, 4> counts{};  // four, so that equal neighbours do not wait for each other
  const uint8_t* values = image.data<uint8_t>();
  const auto total = static_cast<size_t>(image.elements());
  for (size_t i = 0; i < total; ++i) ++counts[i % 4][values[i]];
  double sum = 0;
  for (size_t v = 0; v < kLevels; ++v) {
    sum += table[v] * (static_cast<double>(counts[0][v]) + counts[1][v] + counts[2][v] + counts[3][v]);
  }
  return sum / static_cast<double>(total);
}

double clip(double value) { return std::clamp(value, 0.0, 1.0); }

/// All changes of tone of 8-bit values are one table, so the image is walked through once and rounded once.
void change_tone_u8(Image& image, const Tone& tone) {
  std::array<double, kLevels> exact;
  for (size_t v = 0; v < kLevels; ++v) exact[v] = static_cast<double>(v) / 255;
  if (tone.has_brightness) {
    for (double& value : exact) value = clip(value + tone.brightness);
  }
  if (tone.has_contrast) {
    const double mean = mean_after(image, exact);
    for (double& value : exact) value = clip(mean + tone.contrast * (value - mean));
  }
  if (tone.has_gamma) {
    for (double& value : exact) value = std::pow(value, tone.gamma);
  }
  std::array<uint8_t, kLevels> table;
  for (size_t v = 0; v < kLevels; ++v) table[v] = static_cast<uint8_t>(std::lround(255 * exact[v]));
  uint8_t* values = image.data<uint8_t>();
  const auto total = static_cast<size_t>(image.elements());
  for (size_t i = 0; i < total; ++i) values[i] = table[values[i]];
}

void change_tone_f32(Image& image, const Tone& tone) {
  float* begin = image.data<float>();
  float* end = begin + image.elements();
  const auto change = [&](auto&& function) { std::transform(begin, end, begin, [&](float v) { return static_cast<float>(function(v)); }); };
  if (tone.has_brightness) change([&](double v) { return clip(v + tone.brightness); });
  if (tone.has_contrast) {
    double sum = 0;
    for (const float* v = begin; v != end; ++v) sum += *v;
    const double mean = sum / static_cast<double>(image.elements());
    change([&](double v) { return clip(mean + tone.contrast * (v - mean)); });
  }
  if (tone.has_gamma) change([&](double v) { return std::pow(clip(v), tone.gamma); });
}

void add_noise(Image& image, double sd, RandomKey key) {
  NormalStream stream(key);
  std::array<float, 1024> noise;
  const auto total = static_cast<size_t>(image.elements());
  for (size_t begin = 0; begin < total; begin += noise.size()) {
    const size_t count = std::min(noise.size(), total - begin);
    stream.fill(std::span(noise).first(count));
    if (image.type == PixelType::u8) {
      uint8_t* values = image.data<uint8_t>() + begin;
      const auto scale = static_cast<float>(255 * sd);
      // Rounds by adding 1/2: nothing below zero is left when the fraction is cut.
      for (size_t i = 0; i < count; ++i) values[i] = static_cast<uint8_t>(std::clamp(values[i] + scale * noise[i] + 0.5f, 0.0f, 255.0f));
    } else {
      float* values = image.data<float>() + begin;
      const auto scale = static_cast<float>(sd);
      for (size_t i = 0; i < count; ++i) values[i] = std::clamp(values[i] + scale * noise[i], 0.0f, 1.0f);
    }
  }
}

}  // namespace

OptionTable options_of(AugmentOptions& options) {
  const Bounds probability = between(0, 1);
  OptionTable table;
  table.add("flip_horizontal", options.flip_horizontal, "probability", probability);
  table.add("flip_vertical", options.flip_vertical, "probability", probability);
  table.add("quarter_turns", options.quarter_turns, "probability of a turn by 90, 180 or 270 degrees", probability);
  table.add("affine", options.affine, "probability of one warp with the four ranges below", probability);
  table.add("affine_method", options.affine_method, "one warp, or resized and then rotated as in the LGG study (neither shift nor shear)",
            {"warp", "resize_rotate"});
  table.add_range("rotate_deg", options.rotate_deg, "degrees counter-clockwise", between(-360, 360));
  table.add_range("scale", options.scale, "zoom; 1 keeps the size", greater_than(0));
  table.add_range("shift", options.shift, "along x and y, as a part of width and height", between(-1, 1));
  table.add_range("shear_deg", options.shear_deg, "degrees along x", between(-60, 60));
  table.add("brightness", options.brightness, "probability", probability);
  table.add_range("brightness_range", options.brightness_range, "added, as a part of the value range", between(-1, 1));
  table.add("contrast", options.contrast, "probability", probability);
  table.add_range("contrast_range", options.contrast_range, "times the distance from the image's mean", at_least(0));
  table.add("gamma", options.gamma, "probability", probability);
  table.add_range("gamma_range", options.gamma_range, "exponent of the value, as a part of the value range", greater_than(0));
  table.add("noise", options.noise, "probability", probability);
  table.add_range("noise_sd", options.noise_sd, "standard deviation, as a part of the value range", between(0, 1));
  table.check("affine_method", [&options]() -> std::string {
    const std::array<double, 2> none{0, 0};
    const bool fits = options.affine_method == "warp" || (options.shift == none && options.shear_deg == none);
    return fits ? "" : "resize_rotate knows neither shift nor shear; set shift and shear_deg to [0, 0]";
  });
  return table;
}

void augment_into(const RawSample& sample, const AugmentOptions& options, RandomKey key, RawSample& result) {
  LARMOR_ASSERT(sample.image.depth() == 1 && (sample.image.type == PixelType::u8 || sample.image.type == PixelType::f32));
  Placement placement = draw_placement(options, key);
  result.key = sample.key;
  if (placement.has_warp && options.affine_method == "resize_rotate") {
    placement.has_warp = false;
    move_pixels(resized_and_rotated(sample.image, placement, Sampling::linear), placement, cv::INTER_LINEAR, result.image);
    move_pixels(resized_and_rotated(sample.label, placement, Sampling::nearest), placement, cv::INTER_NEAREST, result.label);
  } else {
    move_pixels(sample.image, placement, cv::INTER_LINEAR, result.image);
    move_pixels(sample.label, placement, cv::INTER_NEAREST, result.label);
  }
  const Tone tone = draw_tone(options, key);
  if (!tone.is_identity()) {
    if (result.image.type == PixelType::u8) {
      change_tone_u8(result.image, tone);
    } else {
      change_tone_f32(result.image, tone);
    }
  }
  if (tone.has_noise) add_noise(result.image, tone.noise_sd, key.with("noise values"));
}

void augment(RawSample& sample, const AugmentOptions& options, RandomKey key) {
  RawSample result;
  augment_into(sample, options, key, result);
  sample = std::move(result);
}

}  // namespace larmor::datasets
