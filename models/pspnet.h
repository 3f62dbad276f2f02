// PSPNet: one encoder map beside its means over 1, 2 x 2, 3 x 3 and 6 x 6 parts of the image.
//
//   in   float  N x in_channels x H x W   H and W multiples of the encoder's output stride (8)
//   out  float  N x classes x H x W       logits
//
// Part: adaptive mean, 1x1 to a quarter of the channels, bilinear back to the map's size (align_corners = true). The one mean of the
// whole image has a bias instead of batch norm. Then parts and map side by side (the map last), 1x1, dropout of whole channels; head:
// 3x3, bilinear enlargement (align_corners = true).
//
// By default only three encoder stages are run, at stride 8, without dilation: segmentation_models.pytorch's choice, whose names, shapes,
// order and arithmetic this network follows. The encoder's other stages are stored and never used or trained. The paper's network is
// encoder_depth 5 with output_stride 8: all stages, the last two dilated. Zhao et al. 2017, arXiv 1612.01105.
#pragma once
#include <cstdint>
#include <memory>

#include "models/encoder_decoder.h"
#include "models/registry.h"

namespace larmor::models {

struct PspNetOptions : EncoderDecoderOptions {
  PspNetOptions() { encoder_depth = 3; }
  int64_t output_stride = 32;  ///< 8, 16, 32: the encoder dilates instead of going beyond it
  int64_t psp_out_channels = 512;
  double psp_dropout = 0.2;  ///< probability of a channel
  int64_t upsampling = 8;    ///< in the head; must be the stride of the deepest map: min(output_stride, 2^encoder_depth)
};
OptionTable options_of(PspNetOptions& options);

std::shared_ptr<Segmenter> make_pspnet(const PspNetOptions& options, uint64_t seed);
void register_pspnet(Registry& models);

}  // namespace larmor::models
