// From probabilities at the network's size to label maps at the source's size.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>

#include "imaging/image.h"

namespace larmor::eval {

/// Undoes datasets::to_network_size: C x S x S float → C x height x width. Bilinear (align_corners = false) to the padded square, then
/// the padding is cut away (floor before, ceil after). Sizes that already agree are passed on untouched.
at::Tensor resize_to_source(const at::Tensor& probabilities, int64_t width, int64_t height);

/// C x H x W probabilities → u8 label map. C = 1: 1 where the probability is at or above `threshold`; else the most probable class.
imaging::Image decode_mask(const at::Tensor& probabilities, double threshold);

/// Keeps, for each class of a stack of label maps, the largest face-connected 3-D component; all else becomes 0.
/// `slice_numbers` ascend; where a number is missing the stack is cut, so that slices apart do not touch.
/// Error (data) when the maps differ in size.
void keep_largest_component(std::span<imaging::Image* const> maps, std::span<const int64_t> slice_numbers);

}  // namespace larmor::eval
