// Connected components of a binary mask: runs of rows joined by union-find. Written here because neither ITK nor OpenCV offers the
// edge connectivity (2) of volumes.
#pragma once
#include <cstdint>
#include <vector>

#include "imaging/image.h"

namespace larmor::imaging {

/// Labels 1…n in C order of first appearance, 0 for background; `connectivity` 1 (faces), 2 (and edges), 3 (and corners), as
/// scipy.ndimage.label. The mask is u8 with one channel (assertion), any value but 0 counts; in 2-D, 3 is the same as 2.
struct Components {
  std::vector<int32_t> labels;
  std::vector<int64_t> sizes;  ///< sizes[i] belongs to label i+1
};
Components label_components(const Image& mask, int connectivity);
/// The largest component of a u8 mask (ties: the one met first in C order) as a 0/1 u8 mask; an empty mask stays empty.
Image largest_component(const Image& mask, int connectivity);

}  // namespace larmor::imaging
