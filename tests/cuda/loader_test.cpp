#include "cuda/loader.h"

#include <dlfcn.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "tests/support/errors.h"

namespace larmor::cuda {
namespace {

/// A library that is there on every machine.
constexpr const char* kAnyLibrary = "libm.so.6";

std::string fake_plugin(const std::string& name) {
  return fmt::format("{}/tests/cuda/liblarmor_fake_plugin_{}.so", std::getenv("LARMOR_BINARY_DIR"), name);
}

std::string error_with(const std::string& device, const CudaLibraries& libraries) {
  return testing::run_error([&] { open_cuda(device, libraries); });
}

std::string error_with_plugin(const std::string& device, const std::string& name) {
  return error_with(device, {kAnyLibrary, kAnyLibrary, fake_plugin(name)});
}

std::string not_found(const std::string& library) { return library + ": cannot open shared object file: No such file or directory"; }

TEST(CudaLoaderError, NoDriver) {
  EXPECT_EQ(
      error_with("cuda", {"libno-driver.so.1", kAnyLibrary, kAnyLibrary}),
      "--device cuda: no NVIDIA driver on this machine (libno-driver.so.1 is missing); run on a machine with a GPU or use --device cpu");
}

TEST(CudaLoaderError, NoDriverHere) {
  if (::dlopen("libcuda.so.1", RTLD_LAZY) != nullptr) GTEST_SKIP() << "this machine has an NVIDIA driver";
  EXPECT_EQ(error_with("cuda:1", {}),
            "--device cuda:1: no NVIDIA driver on this machine (libcuda.so.1 is missing); run on a machine with a GPU or use --device cpu");
}

TEST(CudaLoaderError, NoLibtorch) {
  EXPECT_EQ(error_with("cuda", {kAnyLibrary, "libno-torch.so", kAnyLibrary}),
            "--device cuda: the CUDA half of LibTorch cannot be opened (" + not_found("libno-torch.so") +
                "); run LARMOR_CUDA=1 scripts/setup.sh or use --device cpu");
}

TEST(CudaLoaderError, NoPlugin) {
  EXPECT_EQ(error_with("cuda", {kAnyLibrary, kAnyLibrary, "libno-plugin.so"}),
            "--device cuda: the plugin of CUDA kernels cannot be opened (" + not_found("libno-plugin.so") +
                "); build with the CUDA toolkit (nvcc) or use --device cpu");
}

TEST(CudaLoaderError, NotAPlugin) {
  const std::string message = error_with("cuda", {kAnyLibrary, kAnyLibrary, kAnyLibrary});
  EXPECT_TRUE(message.starts_with("--device cuda: libm.so.6 is no plugin of larmor (")) << message;
  EXPECT_TRUE(message.ends_with("undefined symbol: larmor_cuda_plugin); build it anew or use --device cpu")) << message;
}

TEST(CudaLoaderError, PluginOfAnotherVersion) {
  EXPECT_EQ(error_with_plugin("cuda", "other_version"),
            fmt::format("--device cuda: {} has version 999, this program needs version {}; build both anew or use --device cpu",
                        fake_plugin("other_version"), LARMOR_CUDA_PLUGIN_VERSION));
}

TEST(CudaLoaderError, NoGpu) {
  EXPECT_EQ(error_with_plugin("cuda", "no_gpu"),
            "--device cuda: no GPU that CUDA can use (the driver lists none); run on a machine with a GPU or use --device cpu");
  EXPECT_EQ(error_with_plugin("cuda", "failing"),
            "--device cuda: no GPU that CUDA can use (the fake driver is too old); run on a machine with a GPU or use --device cpu");
}

TEST(CudaLoaderError, NoGpuOfThatNumber) {
  EXPECT_EQ(error_with_plugin("cuda:1", "one_gpu"), "--device cuda:1: this machine has 1 GPU; allowed: cuda:0 or use --device cpu");
  EXPECT_EQ(error_with_plugin("cuda:2", "two_gpus"),
            "--device cuda:2: this machine has 2 GPUs; allowed: cuda:0 to cuda:1 or use --device cpu");
}

TEST(CudaLoader, OpensWhatIsWhole) {
  const LarmorCudaPlugin& plugin = open_cuda("cuda:1", {kAnyLibrary, kAnyLibrary, fake_plugin("two_gpus")});
  EXPECT_EQ(plugin.version, LARMOR_CUDA_PLUGIN_VERSION);
  EXPECT_EQ(&open_cuda("cuda", {kAnyLibrary, kAnyLibrary, fake_plugin("two_gpus")}), &plugin);
}

TEST(CudaLoader, DeviceIndex) {
  EXPECT_EQ(device_index("cuda"), 0);
  EXPECT_EQ(device_index("cuda:0"), 0);
  EXPECT_EQ(device_index("cuda:12"), 12);
  for (const char* wrong : {"cuda:", "cuda:x", "cuda:1x", "cuda:99999999999999999999"}) {
    EXPECT_EQ(testing::usage_error([&] { device_index(wrong); }), fmt::format("--device: '{}' has no valid index", wrong));
  }
}

}  // namespace
}  // namespace larmor::cuda
