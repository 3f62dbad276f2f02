#include "datasets/second_reader.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "core/error.h"

namespace larmor::datasets {

namespace {

constexpr double kShortest = 8, kLongest = 24;  // wavelengths in the slice, in deviations
constexpr double kSlices = 16;                  // a ripple comes again after no fewer slices

}  // namespace

SecondReader::SecondReader(RandomKey key, double deviation) : deviation_(deviation) {
  LARMOR_ASSERT(deviation > 0);
  constexpr double kTurn = 2 * std::numbers::pi;
  Random random(key);
  for (Waves* waves : {&along_x_, &along_y_}) {
    for (Wave& wave : *waves) {
      const double angle = random.uniform(0, kTurn), length = deviation * random.uniform(kShortest, kLongest);
      wave.frequency = {kTurn / length * std::cos(angle), kTurn / length * std::sin(angle), random.uniform(-1, 1) * kTurn / kSlices};
      wave.phase = random.uniform(0, kTurn);
    }
  }
}

double SecondReader::shift(const Waves& waves, int64_t x, int64_t y, int64_t z) const {
  double sum = 0;
  for (const Wave& wave : waves) {
    sum += std::cos(wave.frequency[0] * static_cast<double>(x) + wave.frequency[1] * static_cast<double>(y) +
                    wave.frequency[2] * static_cast<double>(z) + wave.phase);
  }
  return deviation_ * std::sqrt(2.0 / kWaves) * sum;  // a cosine's variance is 1/2
}

void SecondReader::read_slice(const uint8_t* labels, uint8_t* read, int64_t width, int64_t height, int64_t z) const {
  int64_t left = width, right = -1, top = height, bottom = -1;
  for (int64_t i = 0; i < width * height; ++i) {
    if (labels[i] == 0) continue;
    left = std::min(left, i % width);
    right = std::max(right, i % width);
    top = std::min(top, i / width);
    bottom = std::max(bottom, i / width);
  }
  if (right < left) return;
  const auto reach = static_cast<int64_t>(std::ceil(deviation_ * std::sqrt(2.0 * kWaves)));  // the farthest that the waves add up to
  for (int64_t y = std::max<int64_t>(0, top - reach); y <= std::min(height - 1, bottom + reach); ++y) {
    for (int64_t x = std::max<int64_t>(0, left - reach); x <= std::min(width - 1, right + reach); ++x) {
      const int64_t from_x = x + std::llround(shift(along_x_, x, y, z)), from_y = y + std::llround(shift(along_y_, x, y, z));
      if (from_x < 0 || from_x >= width || from_y < 0 || from_y >= height) continue;
      read[y * width + x] = labels[from_y * width + from_x];
    }
  }
}

imaging::Image SecondReader::read(const imaging::Image& labels, int64_t slice) const {
  LARMOR_ASSERT(labels.type == imaging::PixelType::u8 && labels.channels == 1);
  imaging::Image read = imaging::Image::make(labels.size, 1, imaging::PixelType::u8);
  read.geometry = labels.geometry;
  const int64_t plane = labels.width() * labels.height();
  for (int64_t z = 0; z < labels.depth(); ++z) {
    read_slice(labels.data<uint8_t>() + z * plane, read.data<uint8_t>() + z * plane, labels.width(), labels.height(), slice + z);
  }
  return read;
}

}  // namespace larmor::datasets
