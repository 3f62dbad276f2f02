#include "imaging/image.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/error.h"

namespace larmor::imaging {

namespace {

/// Nearest value of type To: halves to even, saturated, NaN as 0.
template <class To>
To saturated(double value) {
  if (std::isnan(value)) return To{0};
  const double low = std::numeric_limits<To>::min();
  const double high = std::numeric_limits<To>::max();
  return static_cast<To>(std::clamp(std::nearbyint(value), low, high));
}

template <>
float saturated<float>(double value) {
  return static_cast<float>(value);
}

/// Calls `action` with a null pointer of the C++ type that `type` stands for.
template <class Action>
void with_type(PixelType type, Action action) {
  switch (type) {
    case PixelType::u8:
      return action(static_cast<uint8_t*>(nullptr));
    case PixelType::i16:
      return action(static_cast<int16_t*>(nullptr));
    case PixelType::u16:
      return action(static_cast<uint16_t*>(nullptr));
    case PixelType::i32:
      return action(static_cast<int32_t*>(nullptr));
    case PixelType::f32:
      return action(static_cast<float*>(nullptr));
  }
}

bool is_identity(std::span<const int64_t> channels, int64_t count) {
  for (size_t i = 0; i < channels.size(); ++i) {
    if (channels[i] != static_cast<int64_t>(i)) return false;
  }
  return static_cast<int64_t>(channels.size()) == count;
}

}  // namespace

size_t size_of(PixelType type) {
  switch (type) {
    case PixelType::u8:
      return 1;
    case PixelType::i16:
    case PixelType::u16:
      return 2;
    case PixelType::i32:
    case PixelType::f32:
      return 4;
  }
  return 0;
}

std::string to_string(PixelType type) {
  switch (type) {
    case PixelType::u8:
      return "u8";
    case PixelType::i16:
      return "i16";
    case PixelType::u16:
      return "u16";
    case PixelType::i32:
      return "i32";
    case PixelType::f32:
      return "f32";
  }
  return {};
}

Image Image::make(std::array<int64_t, 3> size, int64_t channels, PixelType type) {
  LARMOR_ASSERT(size[0] >= 0 && size[1] >= 0 && size[2] >= 0 && channels >= 1);
  Image image;
  image.size = size;
  image.channels = channels;
  image.type = type;
  image.bytes.resize(static_cast<size_t>(image.elements()) * size_of(type));
  return image;
}

Image convert(const Image& image, PixelType type) {
  if (image.type == type) return image;
  Image result = Image::make(image.size, image.channels, type);
  result.geometry = image.geometry;
  with_type(image.type, [&]<class From>(From*) {
    with_type(type, [&]<class To>(To*) {
      const From* from = image.data<From>();
      std::transform(from, from + image.elements(), result.data<To>(), [](From value) { return saturated<To>(value); });
    });
  });
  return result;
}

Image select_channels(Image image, std::span<const int64_t> channels) {
  for (const int64_t channel : channels) LARMOR_ASSERT(0 <= channel && channel < image.channels);
  if (is_identity(channels, image.channels)) return image;
  Image selected = Image::make(image.size, static_cast<int64_t>(channels.size()), image.type);
  selected.geometry = image.geometry;
  with_type(image.type, [&]<class T>(T*) {
    const T* from = image.data<T>();
    T* to = selected.data<T>();
    for (int64_t i = 0; i < image.voxels(); ++i, from += image.channels) {
      for (const int64_t channel : channels) *to++ = from[channel];
    }
  });
  return selected;
}

Image slice_of(const Image& volume, int64_t z) {
  LARMOR_ASSERT(0 <= z && z < volume.depth());
  Image slice = Image::make({volume.width(), volume.height(), 1}, volume.channels, volume.type);
  const auto start = volume.bytes.begin() + z * static_cast<int64_t>(slice.bytes.size());
  std::copy_n(start, slice.bytes.size(), slice.bytes.begin());
  slice.geometry = volume.geometry;
  const double offset_mm = static_cast<double>(z) * volume.geometry.spacing_mm[2];
  for (size_t i = 0; i < 3; ++i) slice.geometry.origin_mm[i] += volume.geometry.direction[3 * i + 2] * offset_mm;
  return slice;
}

}  // namespace larmor::imaging
