// FPN: a feature pyramid. Each of the four deepest encoder maps is brought to the pyramid's width and added to the enlarged coarser
// one; four branches bring the levels to the size of the finest, and their outputs are merged.
//
//   in   float  N x in_channels x H x W   H and W multiples of 2^encoder_depth (32)
//   out  float  N x classes x H x W       logits
//
// Branch: 3x3 convolution, group norm of 32 groups, ReLU, bilinear enlargement by 2 (align_corners = true), three, two, one times for
// the coarser levels; one step without enlargement for the finest. Dropout of whole channels after the merge. Head: 1x1, then bilinear
// enlargement to the image's size (align_corners = true).
//
// With encoder_depth 3 the finest level is the image itself. Names, shapes, order and arithmetic follow segmentation_models.pytorch,
// so its checkpoints load unchanged. Kirillov et al. 2019, arXiv 1901.02446; Lin et al. 2017, arXiv 1612.03144.
#pragma once
#include <cstdint>
#include <memory>
#include <string>

#include "models/encoder_decoder.h"
#include "models/registry.h"

namespace larmor::models {

struct FpnOptions : EncoderDecoderOptions {
  int64_t pyramid_channels = 256;
  int64_t segmentation_channels = 128;    ///< of each branch; a multiple of 32
  std::string merge_policy = "add";       ///< add | cat
  double dropout = 0.2;                   ///< probability of a channel
  std::string interpolation = "nearest";  ///< how a coarser level is enlarged, see models/interpolation.h
  int64_t upsampling = 4;                 ///< in the head; must be 2^(encoder_depth - 3)
};
OptionTable options_of(FpnOptions& options);

std::shared_ptr<Segmenter> make_fpn(const FpnOptions& options, uint64_t seed);
void register_fpn(Registry& models);

}  // namespace larmor::models
