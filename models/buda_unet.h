// The U-Net of the LGG segmentation study: four contracting stages, a bottleneck, four expanding stages.
//
//   in   float  N x in_channels x H x W   H and W multiples of 16
//   out  float  N x classes x H x W       logits
//
// Stage: two 3x3 convolutions without bias, each with batch norm and ReLU; contracting ones end in a 2x2 maximum. Expanding: transposed
// 2x2 convolution of stride 2, the contracting map of that size behind it, a stage. Widths init_features x 1, 2, 4, 8, bottleneck 16.
// Head: 1x1. The original ends in a sigmoid, which has no parameters; here it is the task's.
//
// Names, shapes, order and start values follow mateuszbuda/brain-segmentation-pytorch ("encoder1.enc1conv1.weight" …), so its weights
// load unchanged: 7 763 041 parameters in 118 entries. Buda et al. 2019, doi 10.1016/j.compbiomed.2019.05.002.
#pragma once
#include <cstdint>
#include <memory>

#include "models/registry.h"

namespace larmor::models {

struct BudaUnetOptions {
  int64_t init_features = 32;  ///< width of the first stage
  int64_t in_channels = 3;
  int64_t classes = 1;
};
OptionTable options_of(BudaUnetOptions& options);

std::shared_ptr<Segmenter> make_buda_unet(const BudaUnetOptions& options, uint64_t seed);
void register_buda_unet(Registry& models);

}  // namespace larmor::models
