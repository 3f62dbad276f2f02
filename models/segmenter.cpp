#include "models/segmenter.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <unordered_set>

#include "core/error.h"

namespace larmor::models {

namespace {

int64_t next_multiple(int64_t size, int64_t stride) { return std::max<int64_t>(1, (size + stride - 1) / stride) * stride; }

void require_shape(const at::Tensor& image, const SegmenterInfo& info) {
  const std::string shape = fmt::format("{}", fmt::join(image.sizes(), " x "));
  if (image.dim() != 4 || image.size(0) == 0) {
    throw_usage_error(fmt::format("input of shape {}: {} takes images x channels x height x width", shape, info.architecture));
  }
  if (image.size(1) != info.in_channels) {
    throw_usage_error(fmt::format("input of shape {} has {} channels: this {} was built for {} (model.in_channels)", shape, image.size(1),
                                  info.architecture, info.in_channels));
  }
}

}  // namespace

void require_size(int64_t height, int64_t width, const SegmenterInfo& info) {
  const int64_t next_height = next_multiple(height, info.stride), next_width = next_multiple(width, info.stride);
  if (height == next_height && width == next_width) return;
  throw_usage_error(fmt::format("input {} x {}: {} needs multiples of {}; pad to {} x {} (data.size: {})", height, width, info.architecture,
                                info.stride, next_height, next_width, std::max(next_height, next_width)));
}

at::Tensor Segmenter::forward(const at::Tensor& image) {
  require_shape(image, info());
  require_size(image.size(2), image.size(3), info());
  return forward_checked(image);
}

SegmenterOutput Segmenter::forward_with_labels(const at::Tensor& image) {
  require_shape(image, info());
  require_size(image.size(2), image.size(3), info());
  return forward_with_labels_checked(image);
}

NamedTensors Segmenter::used_parameters() const {
  const std::vector<std::string> names = unused_parameters();
  const std::unordered_set<std::string> unused(names.begin(), names.end());
  NamedTensors used = named_parameters();
  std::erase_if(used, [&](const auto& entry) { return unused.contains(entry.first); });
  return used;
}

int64_t Segmenter::used_parameter_count() const {
  int64_t count = 0;
  for (const auto& [name, parameter] : used_parameters()) count += parameter.numel();
  return count;
}

}  // namespace larmor::models
