// The few loops of fast inference that LibTorch has no fused operator for. float32, channels last: pixels x channels.
//
// Each result depends on the tensor alone: work is cut at fixed places, and partial sums are added in a fixed order, so neither the
// number of threads nor the vector unit changes a bit.
#pragma once
#include <ATen/core/Tensor.h>

namespace larmor::models::loops {

/// Mean over the pixels of each image: N x C.
at::Tensor channel_means(const at::Tensor& x);
/// x = relu(x * gate + shortcut) in place; gate N x C.
void gate_add_relu_in_place(at::Tensor& x, const at::Tensor& gate, const at::Tensor& shortcut);
/// Maximum of 3 x 3 windows, stride 2, no padding, size rounded up (H and W even).
at::Tensor max_pool_3x3_stride_2(const at::Tensor& x);

}  // namespace larmor::models::loops
