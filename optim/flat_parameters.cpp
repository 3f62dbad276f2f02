#include "optim/flat_parameters.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <set>

#include "core/error.h"

namespace larmor::optim {

namespace {

constexpr int64_t kAlignmentBytes = 64;
constexpr size_t kHugePage = size_t{2} << 20;

int64_t round_up(int64_t value, int64_t multiple) { return (value + multiple - 1) / multiple * multiple; }

/// Dense and with the first dimension outermost: contiguous, channels_last, channels_last_3d.
bool keeps_filters_together(const at::Tensor& tensor) {
  if (tensor.is_contiguous()) return true;
  if (!tensor.is_non_overlapping_and_dense()) return false;
  return tensor.stride(0) == tensor.numel() / tensor.size(0);
}

/// Strides of dimensions with one element say nothing.
bool has_layout(const at::Tensor& tensor, const Segment& segment) {
  for (int64_t d = 0; d < tensor.dim(); ++d) {
    if (tensor.size(d) > 1 && tensor.stride(d) != segment.strides[static_cast<size_t>(d)]) return false;
  }
  return true;
}

void check_parameter(const std::string& name, const at::Tensor& parameter, const at::Tensor& first) {
  LARMOR_ASSERT(parameter.is_leaf() && parameter.requires_grad());
  if (parameter.scalar_type() != first.scalar_type() || parameter.device() != first.device()) {
    throw_usage_error(fmt::format("parameter '{}' is {} on {}, but its group is {} on {}", name, c10::toString(parameter.scalar_type()),
                                  parameter.device().str(), c10::toString(first.scalar_type()), first.device().str()));
  }
}

Segment make_segment(const std::string& name, const at::Tensor& parameter, int64_t offset) {
  Segment segment;
  segment.name = name;
  segment.parameter = parameter;
  const at::Tensor layout = keeps_filters_together(parameter) ? parameter : parameter.contiguous();
  segment.sizes = layout.sizes().vec();
  segment.strides = layout.strides().vec();
  segment.offset = offset;
  segment.count = parameter.numel();
  segment.filter = parameter.dim() > 0 && parameter.size(0) > 0 ? parameter.numel() / parameter.size(0) : parameter.numel();
  return segment;
}

}  // namespace

at::Tensor make_flat_buffer(int64_t count, const at::TensorOptions& options) {
  const size_t bytes = static_cast<size_t>(count) * options.dtype().itemsize();
  if (!options.device().is_cpu() || bytes < 2 * kHugePage) return at::zeros({count}, options);
  const size_t mapped = bytes + kHugePage;
  void* const memory = ::mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return at::zeros({count}, options);
  void* aligned = memory;
  size_t space = mapped;
  std::align(kHugePage, bytes, aligned, space);
  ::madvise(aligned, bytes, MADV_HUGEPAGE);
  return at::from_blob(
      aligned, {count}, [memory, mapped](void*) { ::munmap(memory, mapped); }, options);
}

FlatParameters::FlatParameters(const NamedTensors& parameters) {
  LARMOR_ASSERT(!parameters.empty());
  const c10::NoGradGuard no_gradients;
  const at::Tensor& first = parameters.front().second;
  std::set<std::string> names;
  std::set<const void*> tensors;
  const int64_t alignment = kAlignmentBytes / static_cast<int64_t>(first.element_size());
  int64_t size = 0;
  for (const auto& [name, parameter] : parameters) {
    check_parameter(name, parameter, first);
    LARMOR_ASSERT(names.insert(name).second && tensors.insert(parameter.unsafeGetTensorImpl()).second);
    segments_.push_back(make_segment(name, parameter, size));
    size = round_up(size + parameter.numel(), alignment);
  }
  weights_ = make_flat_buffer(size, first.options().requires_grad(false));
  for (Segment& segment : segments_) {
    const at::Tensor place = view(weights_, segment);
    place.copy_(segment.parameter);
    segment.parameter.set_data(place);
  }
}

bool FlatParameters::is_cpu_float() const { return weights_.device().is_cpu() && weights_.scalar_type() == at::kFloat; }

at::Tensor FlatParameters::make_buffer() const { return make_flat_buffer(weights_.numel(), weights_.options()); }

at::Tensor FlatParameters::view(const at::Tensor& buffer, const Segment& segment) const {
  return buffer.as_strided(segment.sizes, segment.strides, segment.offset);
}

std::vector<size_t> FlatParameters::segments_with_gradient() const {
  const c10::NoGradGuard no_gradients;
  std::vector<size_t> found;
  for (size_t i = 0; i < segments_.size(); ++i) {
    const Segment& segment = segments_[i];
    LARMOR_ASSERT(segment.parameter.storage().data() == weights_.storage().data());  // moved by `to()` or set_data
    at::Tensor& gradient = segment.parameter.mutable_grad();
    if (!gradient.defined()) continue;
    LARMOR_ASSERT(gradient.sizes() == segment.parameter.sizes() && gradient.scalar_type() == weights_.scalar_type());
    if (!has_layout(gradient, segment)) {
      gradient = at::empty_strided(segment.sizes, segment.strides, weights_.options()).copy_(gradient);
    }
    found.push_back(i);
  }
  return found;
}

void FlatParameters::drop_gradients() const {
  for (const Segment& segment : segments_) segment.parameter.mutable_grad().reset();
}

}  // namespace larmor::optim
