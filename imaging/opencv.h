// Our images as OpenCV matrices, without a copy. For .cpp files only: the one header of imaging/ that includes OpenCV.
#pragma once
#include <opencv2/core.hpp>

#include "imaging/image.h"

namespace larmor::imaging {

/// A 2-D image as a matrix on the same memory, which must outlive it. At most CV_CN_MAX (512) channels (assertion).
/// The first call tells OpenCV to start no threads of its own: work is divided over samples, not inside them.
cv::Mat matrix_of(Image& image);
const cv::Mat matrix_of(const Image& image);

}  // namespace larmor::imaging
