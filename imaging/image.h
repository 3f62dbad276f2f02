// An image or volume: voxels with their place in space.
//
// Memory order: channel fastest, then x (column), y (row), z (slice): interleaved, as ITK vector images and OpenCV matrices.
// A 2-D image has size[2] == 1.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace larmor::imaging {

enum class PixelType { u8, i16, u16, i32, f32 };
size_t size_of(PixelType type);
std::string to_string(PixelType type);

/// Physical space in millimetres, LPS (ITK's convention). `direction` is row-major: column j is the step along axis j.
struct Geometry {
  std::array<double, 3> spacing_mm{1, 1, 1};
  std::array<double, 3> origin_mm{0, 0, 0};
  std::array<double, 9> direction{1, 0, 0, 0, 1, 0, 0, 0, 1};
  bool has_spacing = false;  ///< false: the file stores none; distances are in pixels and must say so
  bool operator==(const Geometry&) const = default;
};

struct Image {
  std::array<int64_t, 3> size{0, 0, 1};  ///< x (columns), y (rows), z (slices)
  int64_t channels = 1;
  PixelType type = PixelType::u8;
  std::vector<std::byte> bytes;  ///< size[0]*size[1]*size[2]*channels elements
  Geometry geometry;

  static Image make(std::array<int64_t, 3> size, int64_t channels, PixelType type);
  int64_t width() const { return size[0]; }
  int64_t height() const { return size[1]; }
  int64_t depth() const { return size[2]; }
  int64_t voxels() const { return size[0] * size[1] * size[2]; }
  int64_t elements() const { return voxels() * channels; }
  template <class T>
  T* data() {
    return reinterpret_cast<T*>(bytes.data());
  }
  template <class T>
  const T* data() const {
    return reinterpret_cast<const T*>(bytes.data());
  }
};

/// A copy with another pixel type; values are rounded (halves to even) and saturated, never wrapped; NaN becomes 0.
Image convert(const Image& image, PixelType type);
/// The channels at these indices, in this order; they may repeat.
Image select_channels(Image image, std::span<const int64_t> channels);
/// One slice z as a 2-D image (keeps in-plane geometry).
Image slice_of(const Image& volume, int64_t z);

}  // namespace larmor::imaging
