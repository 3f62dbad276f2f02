// From stored values to the network's input.
#pragma once
#include <string>
#include <vector>

#include "core/options.h"
#include "imaging/image.h"

namespace larmor::datasets {

struct NormaliseOptions {
  std::string kind = "imagenet";  ///< imagenet | zscore | percentile | unit
  std::vector<double> mean;       ///< imagenet: replaces .485/.456/.406 (repeated cyclically for more channels)
  std::vector<double> sd;
  double low_percentile = 0.5;  ///< percentile: of non-zero values of each channel
  double high_percentile = 99.5;
};
OptionTable options_of(NormaliseOptions& options);

/// Writes C planes of H x W floats. imagenet: value/255 for u8 (f32 as it is), minus mean, over sd. zscore: per channel over the slice
/// (population sd; 0 becomes 0). percentile: clip, scale to [0, 1]. unit: value/255.
void normalise(const imaging::Image& image, const NormaliseOptions& options, float* planes);

}  // namespace larmor::datasets
