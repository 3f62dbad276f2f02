// U-Net on an encoder: stage by stage the map is doubled, the encoder map of that size is put beside it, and two 3x3 convolutions
// follow, each with batch norm and ReLU. The last stage has no encoder map. Head: 3x3.
//
//   in   float  N x in_channels x H x W   H and W multiples of 2^encoder_depth (32)
//   out  float  N x classes x H x W       logits
//
// Names, shapes, order and arithmetic follow segmentation_models.pytorch, so its checkpoints load unchanged (its attention blocks are not
// offered). The U-Net of the LGG study, which has its own small encoder, is models/buda_unet.h. Ronneberger et al. 2015, arXiv 1505.04597.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "models/encoder_decoder.h"
#include "models/registry.h"

namespace larmor::models {

struct UnetOptions : EncoderDecoderOptions {
  std::vector<int64_t> decoder_channels = {256, 128, 64, 32, 16};  ///< one for each encoder stage that is run
  std::string interpolation = "nearest";                           ///< how a map is doubled, see models/interpolation.h
};
OptionTable options_of(UnetOptions& options);

std::shared_ptr<Segmenter> make_unet(const UnetOptions& options, uint64_t seed);
void register_unet(Registry& models);

}  // namespace larmor::models
