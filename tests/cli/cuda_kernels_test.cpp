#include "cli/cuda_kernels.h"

#include <gtest/gtest.h>

#include "tests/cuda/support.h"
#include "tests/optim/support.h"
#include "tests/support/errors.h"

namespace larmor::cli {
namespace {

/// A plugin whose kernels are the plain loops, over host memory.
LarmorCudaPlugin loop_plugin() {
  LarmorCudaPlugin plugin{};
  plugin.version = LARMOR_CUDA_PLUGIN_VERSION;
  plugin.error_text = [](int32_t) { return "out of everything"; };
  plugin.create_workspace = [](int32_t, LarmorCudaWorkspace**) -> int32_t { return 0; };
  plugin.destroy_workspace = [](LarmorCudaWorkspace*) {};
  plugin.moment_step = [](LarmorCudaWorkspace*, const LarmorCudaTensor* tensors, int64_t count, void*) -> int32_t {
    for (int64_t i = 0; i < count; ++i) cuda::testing::moment_step(tensors[i]);
    return 0;
  };
  plugin.ralamb_step = [](LarmorCudaWorkspace*, const LarmorCudaTensor* tensors, int64_t count, double largest_norm, void*) -> int32_t {
    for (int64_t i = 0; i < count; ++i) cuda::testing::ralamb_step(tensors[i], largest_norm);
    return 0;
  };
  plugin.lookahead_sync = [](LarmorCudaWorkspace*, const LarmorCudaTensor* tensors, int64_t count, float alpha, void*) -> int32_t {
    for (int64_t i = 0; i < count; ++i) cuda::testing::lookahead_sync(tensors[i], alpha);
    return 0;
  };
  plugin.gradient_squares = [](LarmorCudaWorkspace*, const LarmorCudaTensor* tensors, int64_t count, double* squares, void*) -> int32_t {
    for (int64_t i = 0; i < count; ++i) {
      squares[i] = 0;
      for (int64_t k = 0; k < tensors[i].count; ++k) squares[i] += double{tensors[i].gradient[k]} * double{tensors[i].gradient[k]};
    }
    return 0;
  };
  plugin.scale_gradients = [](LarmorCudaWorkspace*, const LarmorCudaTensor*, int64_t, float, void*) -> int32_t { return 2; };
  return plugin;
}

TEST(CudaKernels, OptimizersGetTheSameFromThePlugin) {
  const LarmorCudaPlugin plugin = loop_plugin();
  for (const char* name : {"adam", "adamw", "radam", "ranger", "ralamb", "rangerlars"}) {
    const at::Tensor start = optim::random_tensor("start", {40}) * 3;
    optim::Single plain(name, "{weight_decay: 0.1}", start), fused(name, "{weight_decay: 0.1}", start);
    fused.optimizer().use_kernels(make_plugin_kernels(plugin, at::kCPU));
    for (int64_t t = 0; t < 14; ++t) {
      const at::Tensor gradient = optim::random_tensor("gradient" + std::to_string(t), {40});
      plain.step(gradient, 0.01);
      fused.step(gradient, 0.01);
      EXPECT_LT(optim::distance(plain.value(), fused.value()), 2e-6) << name << " step " << t;
      EXPECT_NEAR(plain.optimizer().gradient_norm(), fused.optimizer().gradient_norm(), 1e-5);
    }
  }
}

TEST(CudaKernels, ServeTheirDeviceOnly) {
  const LarmorCudaPlugin plugin = loop_plugin();
  const auto kernels = make_plugin_kernels(plugin, c10::Device(c10::kCUDA, 1));
  EXPECT_TRUE(kernels->serves(c10::Device("cuda:1")));
  EXPECT_FALSE(kernels->serves(c10::Device("cuda:0")));
  EXPECT_FALSE(kernels->serves(c10::Device("cpu")));
  EXPECT_EQ(open_kernels("cpu"), nullptr);
}

TEST(CudaKernelsError, CudasWordsAreTold) {
  LarmorCudaPlugin plugin = loop_plugin();
  optim::Single single("adam", "{}", at::ones({3}));
  single.optimizer().use_kernels(make_plugin_kernels(plugin, at::kCPU));
  single.step(at::ones({3}), 0.01);
  EXPECT_EQ(testing::run_error([&] { single.optimizer().scale_gradients(0.5); }), "cpu: the optimizer's kernels failed: out of everything");
  plugin.create_workspace = [](int32_t, LarmorCudaWorkspace**) -> int32_t { return 2; };
  EXPECT_EQ(testing::run_error([&] { make_plugin_kernels(plugin, c10::Device(c10::kCUDA, 0)); }),
            "cuda:0: the optimizer's kernels failed: out of everything");
}

}  // namespace
}  // namespace larmor::cli
