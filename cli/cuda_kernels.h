// The plugin's kernels in the form that optimizers take (optim/device_kernels.h).
#pragma once
#include <c10/core/Device.h>

#include <memory>
#include <string>

#include "cuda/plugin.h"
#include "optim/device_kernels.h"

namespace larmor::cli {

/// For tensors on `device` (with an index). Calls throw Error (run) with CUDA's own words. The plugin must outlive the kernels.
std::shared_ptr<optim::DeviceKernels> make_plugin_kernels(const LarmorCudaPlugin& plugin, c10::Device device);

/// The same for a device by name; null for cpu. Error (run) as in cuda/loader.h.
std::shared_ptr<optim::DeviceKernels> open_kernels(const std::string& device);

}  // namespace larmor::cli
