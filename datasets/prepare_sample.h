// The steps between a decoded case and the network's planes, shared by the loader and by predict.
#pragma once
#include "datasets/normalise.h"
#include "imaging/image.h"

namespace larmor::datasets {

/// Pads a 2-D image to a square (zeros, floor before and ceil after) and resizes it to size x size (area when shrinking, else linear).
imaging::Image to_network_size(const imaging::Image& image, int64_t size);
/// The same for label maps (nearest neighbour).
imaging::Image label_to_network_size(const imaging::Image& label, int64_t size);

}  // namespace larmor::datasets
