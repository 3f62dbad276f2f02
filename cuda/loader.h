// Opens the CUDA half at run time: the driver, LibTorch's CUDA libraries, and our plugin of kernels.
//
// The program links none of them. Call open_cuda() before anything asks LibTorch about CUDA: its answer is made once.
#pragma once
#include <string>

#include "cuda/plugin.h"

namespace larmor::cuda {

/// The libraries by the names that the dynamic loader looks for.
struct CudaLibraries {
  std::string driver = "libcuda.so.1";
  std::string torch = "libtorch_cuda.so";
  std::string plugin = "liblarmor_cuda.so";
};

/// Opens everything that `device` ("cuda", "cuda:1") needs and returns the plugin's functions, which stay valid to the end of the
/// process. Error (run) in one line that begins with "--device <device>: " and says what is missing and what to do: the driver, a
/// library that LibTorch needs, the plugin, a plugin of another version, a GPU, or the GPU of that number.
const LarmorCudaPlugin& open_cuda(const std::string& device, const CudaLibraries& libraries = {});

/// The index in "cuda" (0) or "cuda:<index>".
int device_index(const std::string& device);

}  // namespace larmor::cuda
