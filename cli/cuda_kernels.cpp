#include "cli/cuda_kernels.h"

#include <c10/core/Stream.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <fmt/format.h>

#include "core/error.h"
#include "cuda/loader.h"

namespace larmor::cli {

namespace {

LarmorCudaTensor to_plugin(const optim::DeviceTensor& tensor) {
  const optim::DeviceCoefficients& from = tensor.coefficients;
  LarmorCudaTensor to{};
  to.count = tensor.count;
  to.weights = tensor.weights;
  to.gradient = tensor.gradient;
  to.mean = tensor.mean;
  to.mean_square = tensor.mean_square;
  to.slow = tensor.slow;
  to.beta1 = static_cast<float>(from.beta1);
  to.rest1 = static_cast<float>(1 - from.beta1);
  to.beta2 = static_cast<float>(from.beta2);
  to.rest2 = static_cast<float>(1 - from.beta2);
  to.eps = static_cast<float>(from.eps);
  to.root = static_cast<float>(from.root);
  to.added = static_cast<float>(from.added);
  to.decay = static_cast<float>(from.decay);
  to.rate = static_cast<float>(from.rate);
  to.is_adaptive = from.is_adaptive;
  return to;
}

class PluginKernels : public optim::DeviceKernels {
 public:
  PluginKernels(const LarmorCudaPlugin& plugin, c10::Device device) : plugin_(plugin), device_(device) {
    check(plugin_.create_workspace(device.index(), &workspace_));
  }
  ~PluginKernels() override { plugin_.destroy_workspace(workspace_); }
  PluginKernels(const PluginKernels&) = delete;
  PluginKernels& operator=(const PluginKernels&) = delete;

  bool serves(c10::Device device) const override { return device == device_; }

  void step(std::span<const optim::DeviceTensor> tensors, double largest_norm) override {
    call(tensors, [&](const LarmorCudaTensor* table, int64_t count) {
      return largest_norm > 0 ? plugin_.ralamb_step(workspace_, table, count, largest_norm, stream())
                              : plugin_.moment_step(workspace_, table, count, stream());
    });
  }

  void synchronise(std::span<const optim::DeviceTensor> tensors, double alpha) override {
    call(tensors, [&](const LarmorCudaTensor* table, int64_t count) {
      return plugin_.lookahead_sync(workspace_, table, count, static_cast<float>(alpha), stream());
    });
  }

  std::vector<double> gradient_squares(std::span<const optim::DeviceTensor> tensors) override {
    std::vector<double> squares(tensors.size());
    call(tensors, [&](const LarmorCudaTensor* table, int64_t count) {
      return plugin_.gradient_squares(workspace_, table, count, squares.data(), stream());
    });
    return squares;
  }

  void scale_gradients(std::span<const optim::DeviceTensor> tensors, double factor) override {
    call(tensors, [&](const LarmorCudaTensor* table, int64_t count) {
      return plugin_.scale_gradients(workspace_, table, count, static_cast<float>(factor), stream());
    });
  }

 private:
  template <class Call>
  void call(std::span<const optim::DeviceTensor> tensors, const Call& function) const {
    std::vector<LarmorCudaTensor> table;
    table.reserve(tensors.size());
    for (const optim::DeviceTensor& tensor : tensors) table.push_back(to_plugin(tensor));
    check(function(table.data(), static_cast<int64_t>(table.size())));
  }

  /// The stream on which LibTorch works now; null is the default one.
  void* stream() const {
    if (!device_.is_cuda()) return nullptr;
    return c10::impl::VirtualGuardImpl(device_.type()).getStream(device_).native_handle();
  }

  void check(int32_t code) const {
    if (code != 0) throw_run_error(fmt::format("{}: the optimizer's kernels failed: {}", device_.str(), plugin_.error_text(code)));
  }

  const LarmorCudaPlugin& plugin_;
  c10::Device device_;
  LarmorCudaWorkspace* workspace_ = nullptr;
};

}  // namespace

std::shared_ptr<optim::DeviceKernels> make_plugin_kernels(const LarmorCudaPlugin& plugin, c10::Device device) {
  return std::make_shared<PluginKernels>(plugin, device);
}

std::shared_ptr<optim::DeviceKernels> open_kernels(const std::string& device) {
  if (device == "cpu") return nullptr;
  const c10::Device place(c10::kCUDA, static_cast<c10::DeviceIndex>(cuda::device_index(device)));
  return make_plugin_kernels(cuda::open_cuda(device), place);
}

}  // namespace larmor::cli
