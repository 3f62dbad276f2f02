#include "imaging/opencv.h"

#include <climits>

#include "core/error.h"

namespace larmor::imaging {

namespace {

int depth_of(PixelType type) {
  switch (type) {
    case PixelType::u8:
      return CV_8U;
    case PixelType::i16:
      return CV_16S;
    case PixelType::u16:
      return CV_16U;
    case PixelType::i32:
      return CV_32S;
    case PixelType::f32:
      return CV_32F;
  }
  return -1;
}

}  // namespace

cv::Mat matrix_of(Image& image) {
  LARMOR_ASSERT(image.depth() == 1 && image.width() <= INT_MAX && image.height() <= INT_MAX && image.channels <= CV_CN_MAX);
  LARMOR_ASSERT(image.bytes.size() == static_cast<size_t>(image.elements()) * size_of(image.type));
  static const bool single_threaded = (cv::setNumThreads(0), true);
  static_cast<void>(single_threaded);
  const int type = CV_MAKETYPE(depth_of(image.type), static_cast<int>(image.channels));
  return {static_cast<int>(image.height()), static_cast<int>(image.width()), type, image.bytes.data()};
}

const cv::Mat matrix_of(const Image& image) { return matrix_of(const_cast<Image&>(image)); }

}  // namespace larmor::imaging
