#include "cuda/loader.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <charconv>

#include "core/error.h"

namespace larmor::cuda {

namespace {

constexpr const char* kOtherwise = "or use --device cpu";

/// The reason of the last dlopen or dlsym, without the name of the library in front of it twice.
std::string loader_reason() {
  const char* reason = ::dlerror();
  return reason == nullptr ? "unknown reason" : reason;
}

void open_driver(const std::string& device, const CudaLibraries& libraries) {
  if (::dlopen(libraries.driver.c_str(), RTLD_LAZY | RTLD_LOCAL) != nullptr) return;
  throw_run_error(fmt::format("--device {}: no NVIDIA driver on this machine ({} is missing); run on a machine with a GPU {}", device,
                              libraries.driver, kOtherwise));
}

void open_torch(const std::string& device, const CudaLibraries& libraries) {
  if (::dlopen(libraries.torch.c_str(), RTLD_NOW | RTLD_GLOBAL) != nullptr) return;
  throw_run_error(fmt::format("--device {}: the CUDA half of LibTorch cannot be opened ({}); run LARMOR_CUDA=1 scripts/setup.sh {}", device,
                              loader_reason(), kOtherwise));
}

const LarmorCudaPlugin& open_plugin(const std::string& device, const CudaLibraries& libraries) {
  void* const library = ::dlopen(libraries.plugin.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    throw_run_error(fmt::format("--device {}: the plugin of CUDA kernels cannot be opened ({}); build with the CUDA toolkit (nvcc) {}",
                                device, loader_reason(), kOtherwise));
  }
  using Entry = const LarmorCudaPlugin*();
  auto* const entry = reinterpret_cast<Entry*>(::dlsym(library, LARMOR_CUDA_PLUGIN_ENTRY));
  if (entry == nullptr) {
    throw_run_error(fmt::format("--device {}: {} is no plugin of larmor ({}); build it anew {}", device, libraries.plugin, loader_reason(),
                                kOtherwise));
  }
  const LarmorCudaPlugin& plugin = *entry();
  if (plugin.version != LARMOR_CUDA_PLUGIN_VERSION) {
    throw_run_error(fmt::format("--device {}: {} has version {}, this program needs version {}; build both anew {}", device,
                                libraries.plugin, plugin.version, LARMOR_CUDA_PLUGIN_VERSION, kOtherwise));
  }
  return plugin;
}

void require_device(const std::string& device, const LarmorCudaPlugin& plugin) {
  int32_t count = 0;
  const int32_t code = plugin.device_count(&count);
  if (code != 0 || count == 0) {
    throw_run_error(fmt::format("--device {}: no GPU that CUDA can use ({}); run on a machine with a GPU {}", device,
                                code != 0 ? plugin.error_text(code) : "the driver lists none", kOtherwise));
  }
  if (device_index(device) >= count) {
    throw_run_error(fmt::format("--device {}: this machine has {} GPU{}; allowed: cuda:0{} {}", device, count, count == 1 ? "" : "s",
                                count == 1 ? "" : fmt::format(" to cuda:{}", count - 1), kOtherwise));
  }
}

}  // namespace

int device_index(const std::string& device) {
  const size_t colon = device.find(':');
  if (colon == std::string::npos) return 0;
  int index = 0;
  const char* const end = device.data() + device.size();
  const auto [rest, error] = std::from_chars(device.data() + colon + 1, end, index);
  if (error != std::errc() || rest != end) throw_usage_error(fmt::format("--device: {} has no valid index", in_quotes(device)));
  return index;
}

const LarmorCudaPlugin& open_cuda(const std::string& device, const CudaLibraries& libraries) {
  open_driver(device, libraries);
  open_torch(device, libraries);
  const LarmorCudaPlugin& plugin = open_plugin(device, libraries);
  require_device(device, plugin);
  return plugin;
}

}  // namespace larmor::cuda
