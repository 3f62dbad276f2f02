// Memory for batch slots: plain for a CPU, page-locked for a CUDA device (uploads then run beside the computation).
#pragma once
#include <ATen/core/Tensor.h>

#include "datasets/loader.h"

namespace larmor::train {

/// The loader's own memory on a CPU; page-locked memory when the device is CUDA and its half of LibTorch is open.
datasets::SlotAllocator slot_allocator(at::Device device);

}  // namespace larmor::train
