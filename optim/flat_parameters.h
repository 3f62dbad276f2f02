// The parameters of one group as views into one flat buffer.
//
//   buffer   | conv1.weight | pad | bn1.weight | pad | …      each segment starts at a multiple of 64 bytes
//
// A parameter keeps its identity, shape, strides and autograd history; only its memory moves, so loading a state dict with copy_
// goes on to work. An optimizer's moments are buffers of the same layout. Gradients stay where backward() put them: a parameter
// without a gradient is told apart from one with a zero gradient, and nothing is copied or cleared.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "core/tensors.h"

namespace larmor::optim {

/// One parameter in the buffers of its group.
struct Segment {
  std::string name;
  at::Tensor parameter;
  std::vector<int64_t> sizes;
  std::vector<int64_t> strides;  ///< dense; the first dimension is the slowest
  int64_t offset = 0;            ///< first element in the buffer
  int64_t count = 0;             ///< elements
  int64_t filter = 0;            ///< elements of one slice of the first dimension (a filter of a convolution), contiguous
};

class FlatParameters {
 public:
  /// Moves the parameters, at least one and all leaves that require grad, into a fresh buffer. Error (usage): they differ in type
  /// or device. A layout whose first dimension is not the slowest becomes contiguous.
  explicit FlatParameters(const NamedTensors& parameters);

  const std::vector<Segment>& segments() const { return segments_; }
  const at::Tensor& weights() const { return weights_; }
  /// True where the float32 kernels for the CPU apply.
  bool is_cpu_float() const;
  /// Zeros in the layout of the weights.
  at::Tensor make_buffer() const;
  /// The part of a buffer that belongs to a segment, in the parameter's shape.
  at::Tensor view(const at::Tensor& buffer, const Segment& segment) const;

  /// Indices of the segments that have a gradient, each gradient brought to the layout of its parameter.
  std::vector<size_t> segments_with_gradient() const;
  void drop_gradients() const;

 private:
  std::vector<Segment> segments_;
  at::Tensor weights_;
};

/// Zeros; on the CPU in pages of 2 MiB where the system has them, which is worth about 5 % of a step of a large network.
at::Tensor make_flat_buffer(int64_t count, const at::TensorOptions& options);

}  // namespace larmor::optim
