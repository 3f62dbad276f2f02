#include "models/side_by_side.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>

#include "core/parallel.h"

namespace larmor::models {

namespace {

constexpr int64_t kMostImagesAtOnce = 4;  // more do not fit the caches, fewer read the weights too often

/// A copy with channels-last strides, also where one channel makes both orders the same.
at::Tensor channels_last(const at::Tensor& image) {
  return at::empty(image.sizes(), image.options().memory_format(at::MemoryFormat::ChannelsLast)).copy_(image);
}

}  // namespace

at::Tensor forward_side_by_side(const at::Tensor& image, int64_t classes, const std::function<at::Tensor(const at::Tensor&)>& forward) {
  const int threads = at::get_num_threads();
  const int64_t count = image.size(0), share = std::min(count / threads, kMostImagesAtOnce);
  const int64_t groups = share > 0 ? count / (share * threads) * threads : 0, alone = groups * share;
  at::Tensor logits = at::empty({count, classes, image.size(2), image.size(3)}, image.options());
  const auto forward_part = [&](int64_t first, int64_t images) {
    logits.narrow(0, first, images).copy_(forward(channels_last(image.narrow(0, first, images))));
  };
  const bool in_inference_mode = c10::InferenceMode::is_enabled();
  parallel_for(groups, threads, [&](int64_t group) {
    const c10::InferenceMode inference(in_inference_mode);  // both are settings of the thread
    const at::NoGradGuard no_grad;
    forward_part(group * share, share);
  });
  if (alone < count) forward_part(alone, count - alone);
  return logits;
}

}  // namespace larmor::models
