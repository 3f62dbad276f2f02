// LibTorch's fused CPU convolutions: oneDNN operators that PyTorch's compiler calls, reached by name through the dispatcher.
//
// They are no public interface: a LibTorch without them, or with other arguments, makes is_available() false, and nobody may call
// the rest. Input and result float32, channels last; inference only.
#pragma once
#include <ATen/core/Tensor.h>

#include "models/layers.h"

namespace larmor::models::onednn {

bool is_available();

/// A convolution's weight in the layout that oneDNN wants for inputs of this size and the current number of threads.
at::Tensor pack(const at::Tensor& weight, const Conv2dOptions& conv, at::IntArrayRef input_size);
at::Tensor pack_transposed(const at::Tensor& weight, const Conv2dOptions& conv, at::IntArrayRef input_size);
/// Whether two packed weights differ in their numbers at most.
bool have_same_layout(const at::Tensor& packed, const at::Tensor& other);

/// Convolution, bias and, where wanted, ReLU in one pass.
at::Tensor convolve(const at::Tensor& x, const at::Tensor& packed, const at::Tensor& bias, const Conv2dOptions& conv, bool has_relu);
at::Tensor convolve_transposed(const at::Tensor& x, const at::Tensor& packed, const at::Tensor& bias, const Conv2dOptions& conv,
                               bool has_relu);

}  // namespace larmor::models::onednn
