// Preparation of whole volumes: a source over a source, whose slices are cut, squared, resized and standardised by their volume.
//
// Kind `buda`, the preparation of the LGG study's U-Net, per volume, in this order:
//   1. the first and the last slice are left out
//   2. voxels below `dark` x the volume's maximum (over all channels) become 0, in images only
//   3. images and masks are cut to the box of what is left above 0, along x, y and the slices
//   4. zeros make slices square (floor before, ceil after)
//   5. resized to `size`: images by the quadratic spline, cut back to the volume's range of values; masks by the nearest pixel; beyond
//      the outermost pixels' centres 0 (imaging/spline_resize.h)
//   6. values are clipped to two percentiles of the whole volume (over all channels) and scaled to [0, 1]
//   7. each channel of the volume gets mean 0 and (population) standard deviation 1; a constant channel becomes 0
// Slices become f32 and need data.normalise.kind `unit`, which leaves them as they are. Foreground is counted after step 5: it weighs the
// slices in data.sampling `weighted`, and metrics are taken on what is left, as in the study.
//
// Opening reads every image once. Steps 6 and 7 look at a volume when its first slice is loaded.
// Source: Buda, Saha, Mazurowski, Computers in Biology and Medicine 109, 2019, and their mateuszbuda/brain-segmentation-pytorch.
#pragma once
#include <cstdint>
#include <memory>
#include <string>

#include "core/options.h"
#include "datasets/source.h"

namespace larmor::datasets {

struct PreprocessOptions {
  std::string kind = "none";  ///< none: the source's own slices | buda
  int64_t size = 256;
  double dark = 0.1;
  double low_percentile = 10;
  double high_percentile = 99;
};
OptionTable options_of(PreprocessOptions& options);

/// Error (data), naming the volume: fewer than three slices, nothing above 0, slices of different sizes; whatever loading reports.
std::unique_ptr<Source> preprocess(std::unique_ptr<Source> source, const PreprocessOptions& options);

}  // namespace larmor::datasets
