#include "imaging/resize.h"

#include <algorithm>
#include <opencv2/imgproc.hpp>

#include "core/error.h"
#include "imaging/opencv.h"

namespace larmor::imaging {

namespace {

int flag_of(Interpolation interpolation) {
  switch (interpolation) {
    case Interpolation::nearest:
      return cv::INTER_NEAREST_EXACT;
    case Interpolation::linear:
      return cv::INTER_LINEAR;
    case Interpolation::area:
      return cv::INTER_AREA;
  }
  return -1;
}

/// Moves the origin by a number of pixels (may be broken) along x and y.
void shift_origin(Geometry& geometry, double x, double y) {
  for (size_t i = 0; i < 3; ++i) {
    geometry.origin_mm[i] +=
        geometry.direction[3 * i] * geometry.spacing_mm[0] * x + geometry.direction[3 * i + 1] * geometry.spacing_mm[1] * y;
  }
}

/// The centre of the new first pixel lies at (scale - 1) / 2 old pixels.
Geometry resized(Geometry geometry, double scale_x, double scale_y) {
  shift_origin(geometry, (scale_x - 1) / 2, (scale_y - 1) / 2);
  geometry.spacing_mm[0] *= scale_x;
  geometry.spacing_mm[1] *= scale_y;
  return geometry;
}

/// Resizes into the memory of `to`; OpenCV's area resizing takes at most 4 channels at once.
void resize_matrix(const cv::Mat& from, cv::Mat& to, int flag) {
  if (from.channels() <= 4) return cv::resize(from, to, to.size(), 0, 0, flag);
  cv::Mat channel, resized_channel;
  for (int c = 0; c < from.channels(); ++c) {
    cv::extractChannel(from, channel, c);
    cv::resize(channel, resized_channel, to.size(), 0, 0, flag);
    cv::insertChannel(resized_channel, to, c);
  }
}

struct Point {
  int64_t x;
  int64_t y;
};

/// Copies a window of columns × rows pixels.
void copy_window(const Image& from, Point source, Image& to, Point target, int64_t columns, int64_t rows) {
  const size_t pixel = static_cast<size_t>(from.channels) * size_of(from.type);
  for (int64_t row = 0; row < rows; ++row) {
    const auto start = static_cast<size_t>((source.y + row) * from.width() + source.x);
    const auto end = static_cast<size_t>((target.y + row) * to.width() + target.x);
    std::copy_n(from.bytes.data() + start * pixel, static_cast<size_t>(columns) * pixel, to.bytes.data() + end * pixel);
  }
}

}  // namespace

Image resize(const Image& image, int64_t width, int64_t height, Interpolation interpolation) {
  LARMOR_ASSERT(image.depth() == 1 && image.voxels() > 0 && width > 0 && height > 0);
  if (image.width() == width && image.height() == height) return image;
  Image result = Image::make({width, height, 1}, image.channels, image.type);
  result.geometry = resized(image.geometry, static_cast<double>(image.width()) / static_cast<double>(width),
                            static_cast<double>(image.height()) / static_cast<double>(height));
  cv::Mat to = matrix_of(result);
  if (image.type == PixelType::i32 && interpolation != Interpolation::nearest) {
    // OpenCV has no linear and area resizing of 32-bit integers: double holds them all.
    cv::Mat exact;
    matrix_of(image).convertTo(exact, CV_64F);
    cv::Mat resized_exact(to.rows, to.cols, exact.type());
    resize_matrix(exact, resized_exact, flag_of(interpolation));
    resized_exact.convertTo(to, CV_32S);
  } else {
    resize_matrix(matrix_of(image), to, flag_of(interpolation));
  }
  return result;
}

Image pad_to(const Image& image, int64_t width, int64_t height) {
  LARMOR_ASSERT(image.depth() == 1 && width >= image.width() && height >= image.height());
  const int64_t left = (width - image.width()) / 2;
  const int64_t top = (height - image.height()) / 2;
  Image padded = Image::make({width, height, 1}, image.channels, image.type);
  padded.geometry = image.geometry;
  shift_origin(padded.geometry, static_cast<double>(-left), static_cast<double>(-top));
  copy_window(image, {0, 0}, padded, {left, top}, image.width(), image.height());
  return padded;
}

Image crop_centre(const Image& image, int64_t width, int64_t height) {
  LARMOR_ASSERT(image.depth() == 1 && 0 < width && width <= image.width() && 0 < height && height <= image.height());
  const int64_t left = (image.width() - width) / 2;
  const int64_t top = (image.height() - height) / 2;
  Image cropped = Image::make({width, height, 1}, image.channels, image.type);
  cropped.geometry = image.geometry;
  shift_origin(cropped.geometry, static_cast<double>(left), static_cast<double>(top));
  copy_window(image, {left, top}, cropped, {0, 0}, width, height);
  return cropped;
}

}  // namespace larmor::imaging
