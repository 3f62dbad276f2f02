// A second reader of a synthetic lesion: the first one's labels with their borders moved, as two people never draw quite the same line.
//
// Every pixel takes the label at a place nearby in its slice; how far and where to is a smooth random field, so borders wander in and out
// over some pixels and stay whole. Slices read one by one are those of the volume read at once.
#pragma once
#include <array>
#include <cstdint>

#include "core/random.h"
#include "imaging/image.h"

namespace larmor::datasets {

class SecondReader {
 public:
  /// `deviation`: standard deviation of the shift along x and y, in pixels.
  SecondReader(RandomKey key, double deviation);
  /// u8 labels or masks (assertion), the first slice being number `slice` of the volume. The same key gives the same labels.
  imaging::Image read(const imaging::Image& labels, int64_t slice = 0) const;

 private:
  /// One ripple of the field along x or y.
  struct Wave {
    std::array<double, 3> frequency{};  ///< radians per voxel
    double phase = 0;
  };
  static constexpr size_t kWaves = 6;
  using Waves = std::array<Wave, kWaves>;

  double shift(const Waves& waves, int64_t x, int64_t y, int64_t z) const;
  void read_slice(const uint8_t* labels, uint8_t* read, int64_t width, int64_t height, int64_t z) const;

  double deviation_;
  Waves along_x_{}, along_y_{};
};

}  // namespace larmor::datasets
