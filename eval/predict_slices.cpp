#include "eval/predict_slices.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "core/error.h"
#include "datasets/prepare_sample.h"
#include "eval/decode.h"

namespace larmor::eval {

namespace {

at::Tensor stack_of(std::span<const imaging::Image> slices, const SliceOptions& options) {
  const int64_t channels = slices[0].channels, count = static_cast<int64_t>(slices.size());
  at::Tensor stack = at::empty({count, channels, options.size, options.size}, at::kFloat);
  for (int64_t i = 0; i < count; ++i) {
    const imaging::Image& slice = slices[static_cast<size_t>(i)];
    LARMOR_ASSERT(slice.depth() == 1 && slice.channels == channels);
    datasets::normalise(datasets::to_network_size(slice, options.size), options.normalise, stack[i].data_ptr<float>());
  }
  return stack;
}

/// Each member of a batch as members of its slices.
OnMember members_of(std::span<const imaging::Image> batch, size_t first, const SliceOptions& options) {
  if (!options.on_member) return {};
  return [batch, first, &options](const at::Tensor& probabilities) {
    const at::Tensor member = probabilities.to(at::kCPU);
    for (size_t i = 0; i < batch.size(); ++i) {
      options.on_member(first + i, resize_to_source(member[static_cast<int64_t>(i)], batch[i].width(), batch[i].height()));
    }
  };
}

}  // namespace

std::vector<at::Tensor> predict_slices(Predictor& predictor, std::span<const imaging::Image> slices, const SliceOptions& options,
                                       const std::function<void(int64_t done)>& on_progress) {
  std::vector<at::Tensor> results;
  for (size_t first = 0; first < slices.size(); first += static_cast<size_t>(options.batch)) {
    const auto batch = slices.subspan(first, std::min(static_cast<size_t>(options.batch), slices.size() - first));
    const at::Tensor probabilities = predictor.predict(stack_of(batch, options), members_of(batch, first, options)).probabilities;
    if (!at::isfinite(probabilities).all().item<bool>()) {
      throw_run_error("the network's output is not finite: its weights have diverged, or the input holds NaN");
    }
    for (size_t i = 0; i < batch.size(); ++i) {
      results.push_back(resize_to_source(probabilities[static_cast<int64_t>(i)], batch[i].width(), batch[i].height()));
    }
    if (on_progress) on_progress(static_cast<int64_t>(results.size()));
  }
  return results;
}

}  // namespace larmor::eval
