// LinkNet: decodes the deepest encoder map stage by stage; each stage doubles the size and adds the encoder map of that size.
//
//   in   float  N x in_channels x H x W   H and W multiples of 2^encoder_depth (32)
//   out  float  N x classes x H x W       logits
//
// Stage: 1x1 to a quarter of the channels, transposed 4x4 stride 2, 1x1 to the next width (at last 32), each with batch norm and
// ReLU; then the plain sum with the encoder map. Head: 1x1.
//
// Names, shapes, order and arithmetic follow segmentation_models.pytorch, so its checkpoints load unchanged. Its decoder has a stage
// (and a skip) for each encoder stage; the paper's has one less. Chaurasia & Culurciello 2017, arXiv 1707.03718.
#pragma once
#include <cstdint>
#include <memory>

#include "models/encoder_decoder.h"
#include "models/registry.h"

namespace larmor::models {

struct LinkNetOptions : EncoderDecoderOptions {};
OptionTable options_of(LinkNetOptions& options);

std::shared_ptr<Segmenter> make_linknet(const LinkNetOptions& options, uint64_t seed);
void register_linknet(Registry& models);

}  // namespace larmor::models
