// Squeeze-and-excitation networks: se_resnext50_32x4d and senet154, one network with two sets of numbers.
//
//   features  [0] the image; [1] stem, stride 2, 64 (senet154: 128) channels; [2]…[5] stages, strides 4…32, 256, 512, 1024, 2048 channels
//
// Height and width: multiples of 2^depth. Block: 1x1, 3x3 grouped (stride here), 1x1, each with batch norm; then the gate, then
// + shortcut, then ReLU. The pool between stem and first stage has kernel 3, stride 2, NO padding, and rounds its size up: the
// published weights come from Caffe. A pool with padding 1 gives the same shapes and shifted features.
//
// Names, shapes and order: segmentation_models.pytorch (encoders/senet.py). Hu et al. 2018, arXiv 1709.01507.
#pragma once
#include "models/encoders/registry.h"

namespace larmor::models::encoders {

struct SENetOptions {};
OptionTable options_of(SENetOptions& options);

void register_senet(Registry& encoders);

}  // namespace larmor::models::encoders
