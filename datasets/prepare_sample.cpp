#include "datasets/prepare_sample.h"

#include <algorithm>

#include "imaging/resize.h"

namespace larmor::datasets {

namespace {

imaging::Image to_square(const imaging::Image& image, int64_t size, imaging::Interpolation shrinking, imaging::Interpolation growing) {
  const int64_t side = std::max(image.width(), image.height());
  const auto interpolation = size < side ? shrinking : growing;
  if (image.width() == image.height()) return imaging::resize(image, size, size, interpolation);
  return imaging::resize(imaging::pad_to(image, side, side), size, size, interpolation);
}

}  // namespace

imaging::Image to_network_size(const imaging::Image& image, int64_t size) {
  return to_square(image, size, imaging::Interpolation::area, imaging::Interpolation::linear);
}

imaging::Image label_to_network_size(const imaging::Image& label, int64_t size) {
  return to_square(label, size, imaging::Interpolation::nearest, imaging::Interpolation::nearest);
}

}  // namespace larmor::datasets
