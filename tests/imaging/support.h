// Small images for the tests of imaging/.
#pragma once
#include <rapidcheck.h>

#include <algorithm>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "imaging/image.h"
#include "tests/support/errors.h"

namespace larmor::imaging {

template <class T>
constexpr PixelType pixel_type() {
  if constexpr (std::is_same_v<T, uint8_t>) return PixelType::u8;
  if constexpr (std::is_same_v<T, int16_t>) return PixelType::i16;
  if constexpr (std::is_same_v<T, uint16_t>) return PixelType::u16;
  if constexpr (std::is_same_v<T, int32_t>) return PixelType::i32;
  if constexpr (std::is_same_v<T, float>) return PixelType::f32;
}

template <class T>
Image image_of(std::array<int64_t, 3> size, const std::vector<T>& values, int64_t channels = 1) {
  Image image = Image::make(size, channels, pixel_type<T>());
  std::copy_n(values.begin(), image.elements(), image.data<T>());
  return image;
}

template <class T>
std::vector<T> values_of(const Image& image) {
  return {image.data<T>(), image.data<T>() + image.elements()};
}

/// A 2-D mask drawn with letters: '.' and ' ' are outside, rows are separated by '\n'.
inline Image mask_of(const std::string& drawing) {
  const auto width = static_cast<int64_t>(drawing.find('\n'));
  const int64_t height = std::count(drawing.begin(), drawing.end(), '\n');
  std::vector<uint8_t> values;
  for (const char c : drawing) {
    if (c != '\n') values.push_back(c == '.' || c == ' ' ? 0 : 1);
  }
  return image_of<uint8_t>({width, height, 1}, values);
}

inline std::span<const std::byte> bytes_of(const std::string& text) { return std::as_bytes(std::span(text.data(), text.size())); }

/// Runs `read` on every beginning of `file` and on copies with one byte changed: each time it returns or throws an Error (data).
/// Returns how many beginnings were taken for whole files.
template <class Read>
int read_damaged_copies(const std::string& file, Read read) {
  int whole = 0;
  for (size_t size = 0; size < file.size(); ++size) {
    // An own allocation of the exact size, so that a sanitizer sees every step past the end.
    const std::vector<char> part(file.begin(), file.begin() + static_cast<int64_t>(size));
    const std::string error = testing::data_error([&] { read(std::as_bytes(std::span(part))); });
    if (error == "<no error>") ++whole;
    RC_ASSERT(error == "<no error>" || !error.starts_with("<"));
  }
  for (size_t i = 0; i < file.size(); ++i) {
    for (const int flip : {1, 0x80, 0xFF}) {
      std::vector<char> changed(file.begin(), file.end());
      changed[i] = static_cast<char>(changed[i] ^ flip);
      const std::string error = testing::data_error([&] { read(std::as_bytes(std::span(changed))); });
      RC_ASSERT(error == "<no error>" || !error.starts_with("<"));
    }
  }
  return whole;
}

/// Random bytes in a random small size.
inline rc::Gen<Image> any_image(PixelType type, int64_t channels, int64_t largest_depth = 1) {
  const auto side = rc::gen::inRange<int64_t>(1, 13);
  return rc::gen::mapcat(rc::gen::tuple(side, side, rc::gen::inRange<int64_t>(1, largest_depth + 1)),
                         [=](std::tuple<int64_t, int64_t, int64_t> size) {
                           Image image = Image::make({std::get<0>(size), std::get<1>(size), std::get<2>(size)}, channels, type);
                           return rc::gen::map(rc::gen::container<std::vector<uint8_t>>(image.bytes.size(), rc::gen::arbitrary<uint8_t>()),
                                               [image](std::vector<uint8_t> bytes) {
                                                 Image filled = image;
                                                 std::memcpy(filled.bytes.data(), bytes.data(), bytes.size());
                                                 return filled;
                                               });
                         });
}

/// A random mask of 0 and 255 with about `percent` of its voxels inside.
inline rc::Gen<Image> any_mask(int percent, int64_t largest_depth = 1) {
  return rc::gen::map(any_image(PixelType::u8, 1, largest_depth), [percent](Image mask) {
    for (int64_t i = 0; i < mask.voxels(); ++i) mask.data<uint8_t>()[i] = mask.data<uint8_t>()[i] * 100 < percent * 256 ? 255 : 0;
    return mask;
  });
}

/// rapidcheck prints a counterexample with these.
inline void showValue(const Image& image, std::ostream& out) {  // NOLINT(readability-identifier-naming): its name
  out << image.size[0] << " x " << image.size[1] << " x " << image.size[2] << ", " << image.channels << " channels of "
      << to_string(image.type);
}
inline void showValue(const Geometry& geometry, std::ostream& out) {  // NOLINT(readability-identifier-naming): its name
  out.precision(17);
  out << "spacing";
  for (const double value : geometry.spacing_mm) out << " " << value;
  out << ", origin";
  for (const double value : geometry.origin_mm) out << " " << value;
  out << ", direction";
  for (const double value : geometry.direction) out << " " << value;
}

}  // namespace larmor::imaging
