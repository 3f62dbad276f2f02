// The kernels of the plugin against plain loops on the CPU with the same element rules.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <string>

#include "core/error.h"
#include "cuda/loader.h"
#include "cuda/plugin.h"
#include "tests/cuda/support.h"

namespace larmor::cuda {
namespace {

using testing::HostTensor;

/// Around the edges of blocks (256) and pieces (16 384), and none at all.
constexpr int64_t kSizes[] = {1, 255, 256, 257, 0, 16383, 16384, 16385, 100003, 3};

/// Host tensors with their copies on the GPU.
class DeviceTensors {
 public:
  explicit DeviceTensors(std::vector<HostTensor>& tensors) : host_(tensors) {
    for (HostTensor& tensor : host_) {
      LarmorCudaTensor view = tensor.view();
      view.weights = upload(tensor.weights);
      view.gradient = upload(tensor.gradient);
      view.mean = upload(tensor.mean);
      view.mean_square = upload(tensor.mean_square);
      view.slow = upload(tensor.slow);
      views_.push_back(view);
    }
  }

  const LarmorCudaTensor* data() const { return views_.data(); }
  int64_t count() const { return static_cast<int64_t>(views_.size()); }

  /// Everything on the GPU, as it is now.
  std::vector<std::vector<float>> download() const {
    std::vector<std::vector<float>> all;
    for (const at::Tensor& buffer : buffers_) {
      const at::Tensor copy = buffer.cpu();
      all.emplace_back(copy.const_data_ptr<float>(), copy.const_data_ptr<float>() + copy.numel());
    }
    return all;
  }

  /// The same from the host side.
  std::vector<std::vector<float>> host() const {
    std::vector<std::vector<float>> all;
    for (const HostTensor& tensor : host_) {
      for (const auto* values : {&tensor.weights, &tensor.gradient, &tensor.mean, &tensor.mean_square, &tensor.slow})
        all.push_back(*values);
    }
    return all;
  }

 private:
  float* upload(std::vector<float>& values) {
    buffers_.push_back(at::from_blob(values.data(), {static_cast<int64_t>(values.size())}, at::kFloat).to(at::kCUDA));
    return buffers_.back().data_ptr<float>();
  }

  std::vector<HostTensor>& host_;
  std::vector<at::Tensor> buffers_;
  std::vector<LarmorCudaTensor> views_;
};

class GpuKernels : public ::testing::Test {
 protected:
  void SetUp() override {
    try {
      plugin_ = &open_cuda("cuda");
    } catch (const Error& error) {
      GTEST_SKIP() << error.what();
    }
    ASSERT_EQ(plugin_->create_workspace(0, &workspace_), 0);
  }
  void TearDown() override {
    if (plugin_ != nullptr) plugin_->destroy_workspace(workspace_);
  }

  static std::vector<HostTensor> make_tensors(const LarmorCudaTensor& coefficients) {
    std::vector<HostTensor> tensors;
    for (const int64_t size : kSizes) tensors.push_back(testing::random_tensor(size, coefficients, static_cast<uint64_t>(size)));
    return tensors;
  }

  const LarmorCudaPlugin* plugin_ = nullptr;
  LarmorCudaWorkspace* workspace_ = nullptr;
};

TEST_F(GpuKernels, MomentStepIsBitwiseTheLoop) {
  for (const LarmorCudaTensor& coefficients :
       {testing::adam_coefficients({.coupled_decay = 0.1, .step = 3}), testing::adam_coefficients({.decoupled_decay = 0.1, .step = 300}),
        testing::radam_coefficients({.step = 2}), testing::radam_coefficients({.step = 20})}) {
    std::vector<HostTensor> tensors = make_tensors(coefficients);
    const DeviceTensors device(tensors);
    for (int step = 0; step < 3; ++step) {
      ASSERT_EQ(plugin_->moment_step(workspace_, device.data(), device.count(), nullptr), 0);
      for (HostTensor& tensor : tensors) testing::moment_step(tensor.view());
    }
    EXPECT_EQ(device.download(), device.host());
  }
}

TEST_F(GpuKernels, RalambStepIsTheLoop) {
  for (const int64_t step : {2, 20}) {
    std::vector<HostTensor> tensors = make_tensors(testing::radam_coefficients({.lr = 0.1, .decoupled_decay = 0.1, .step = step}));
    const DeviceTensors device(tensors);
    for (HostTensor& tensor : tensors) testing::ralamb_step(tensor.view(), 10);
    ASSERT_EQ(plugin_->ralamb_step(workspace_, device.data(), device.count(), 10, nullptr), 0);
    const auto found = device.download();
    const auto expected = device.host();
    for (size_t i = 0; i < expected.size(); ++i) {
      ASSERT_EQ(found[i].size(), expected[i].size());
      // The sums of squares are taken in another order, in double: the ratio differs by a rounding at most.
      for (size_t k = 0; k < expected[i].size(); ++k) ASSERT_NEAR(found[i][k], expected[i][k], 1e-6) << "buffer " << i << " element " << k;
    }
  }
}

TEST_F(GpuKernels, TwoRunsGiveTheSameBytes) {
  std::map<int, std::vector<std::vector<float>>> results;
  for (int run = 0; run < 2; ++run) {
    std::vector<HostTensor> tensors = make_tensors(testing::radam_coefficients({.step = 9}));
    const DeviceTensors device(tensors);
    for (int step = 0; step < 5; ++step) ASSERT_EQ(plugin_->ralamb_step(workspace_, device.data(), device.count(), 10, nullptr), 0);
    results[run] = device.download();
  }
  EXPECT_EQ(results[0], results[1]);
}

TEST_F(GpuKernels, LookaheadIsBitwiseTheLoop) {
  std::vector<HostTensor> tensors = make_tensors({});
  const DeviceTensors device(tensors);
  ASSERT_EQ(plugin_->lookahead_sync(workspace_, device.data(), device.count(), 0.3f, nullptr), 0);
  for (HostTensor& tensor : tensors) testing::lookahead_sync(tensor.view(), 0.3f);
  EXPECT_EQ(device.download(), device.host());
}

TEST_F(GpuKernels, GradientSquaresAndScaling) {
  std::vector<HostTensor> tensors = make_tensors({});
  const DeviceTensors device(tensors);
  ASSERT_EQ(plugin_->scale_gradients(workspace_, device.data(), device.count(), 0.5f, nullptr), 0);
  for (HostTensor& tensor : tensors) {
    for (float& value : tensor.gradient) value *= 0.5f;
  }
  EXPECT_EQ(device.download(), device.host());
  std::vector<double> squares(tensors.size(), -1);
  ASSERT_EQ(plugin_->gradient_squares(workspace_, device.data(), device.count(), squares.data(), nullptr), 0);
  for (size_t i = 0; i < tensors.size(); ++i) {
    const auto& g = tensors[i].gradient;
    const double expected = std::inner_product(g.begin(), g.end(), g.begin(), 0.0, std::plus<>(), [](double a, double b) { return a * b; });
    EXPECT_NEAR(squares[i], expected, 1e-12 * (1 + expected));
  }
}

TEST_F(GpuKernels, NothingToDoAndWrongUse) {
  std::vector<HostTensor> empty{testing::random_tensor(0, {}, 0)};
  const DeviceTensors device(empty);
  double square = -1;
  EXPECT_EQ(plugin_->moment_step(workspace_, device.data(), 1, nullptr), 0);
  EXPECT_EQ(plugin_->moment_step(workspace_, nullptr, 0, nullptr), 0);
  EXPECT_EQ(plugin_->gradient_squares(workspace_, device.data(), 1, &square, nullptr), 0);
  EXPECT_EQ(square, 0);
  EXPECT_NE(plugin_->moment_step(nullptr, device.data(), 1, nullptr), 0);
  EXPECT_NE(plugin_->moment_step(workspace_, nullptr, 1, nullptr), 0);
  LarmorCudaWorkspace* none = nullptr;
  EXPECT_NE(plugin_->create_workspace(9999, &none), 0);
  EXPECT_EQ(none, nullptr);
  EXPECT_FALSE(std::string(plugin_->error_text(1)).empty());
}

TEST_F(GpuKernels, DescribesTheDevice) {
  LarmorCudaDevice device{};
  ASSERT_EQ(plugin_->describe_device(0, &device), 0);
  EXPECT_FALSE(std::string(device.name).empty());
  EXPECT_GE(device.compute_major, 8);
  EXPECT_GT(device.memory_total, device.memory_free);
  EXPECT_GT(device.memory_free, 0);
  int32_t driver = 0, runtime = 0;
  ASSERT_EQ(plugin_->versions(&driver, &runtime), 0);
  EXPECT_GE(driver, 13000);
  EXPECT_GE(runtime, 13000);
}

}  // namespace
}  // namespace larmor::cuda
