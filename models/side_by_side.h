// Prepared inference for whole networks.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>

namespace larmor::models {

/// Logits of a network that was prepared for inference: images go through `forward` channels last, as many as there are threads side by
/// side, each on one thread: no waiting at the end of every layer, and a map of one image fits the cache. Images left over share the
/// threads. `forward` is called by several threads at once, without gradients. Result: N x classes x H x W, contiguous.
at::Tensor forward_side_by_side(const at::Tensor& image, int64_t classes, const std::function<at::Tensor(const at::Tensor&)>& forward);

}  // namespace larmor::models
