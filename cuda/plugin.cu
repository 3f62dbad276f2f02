// The table that the program asks for, and the checks around every call.
#include <cstring>
#include <new>
#include <vector>

#include "cuda/kernels.cuh"
#include "cuda/plugin.h"

namespace larmor::cuda {

namespace {

/// Makes a device current and puts the former one back.
class DeviceGuard {
 public:
  explicit DeviceGuard(int device) {
    error_ = cudaGetDevice(&before_);
    if (error_ == cudaSuccess && before_ != device) error_ = cudaSetDevice(device);
  }
  ~DeviceGuard() { cudaSetDevice(before_); }
  DeviceGuard(const DeviceGuard&) = delete;
  DeviceGuard& operator=(const DeviceGuard&) = delete;
  cudaError_t error() const { return error_; }

 private:
  int before_ = 0;
  cudaError_t error_ = cudaSuccess;
};

/// Uploads the tensors and, unless all are empty, calls work(table).
template <class Work>
int32_t with_table(LarmorCudaWorkspace* workspace, const LarmorCudaTensor* tensors, int64_t count, void* stream, const Work& work) {
  if (workspace == nullptr || (tensors == nullptr && count > 0) || count < 0) return cudaErrorInvalidValue;
  const DeviceGuard guard(workspace->device());
  if (guard.error() != cudaSuccess) return guard.error();
  Table table;
  const cudaError_t error = workspace->upload(tensors, count, static_cast<cudaStream_t>(stream), table);
  if (error != cudaSuccess || table.piece_count == 0) return error;
  return work(table, static_cast<cudaStream_t>(stream));
}

const char* plugin_error_text(int32_t code) { return cudaGetErrorString(static_cast<cudaError_t>(code)); }

int32_t plugin_versions(int32_t* driver, int32_t* runtime) {
  const cudaError_t error = cudaDriverGetVersion(driver);
  return error == cudaSuccess ? cudaRuntimeGetVersion(runtime) : error;
}

int32_t plugin_device_count(int32_t* count) { return cudaGetDeviceCount(count); }

int32_t plugin_describe_device(int32_t index, LarmorCudaDevice* device) {
  cudaDeviceProp properties;
  cudaError_t error = cudaGetDeviceProperties(&properties, index);
  if (error != cudaSuccess) return error;
  const DeviceGuard guard(index);
  size_t free = 0, total = 0;
  error = guard.error() != cudaSuccess ? guard.error() : cudaMemGetInfo(&free, &total);
  if (error != cudaSuccess) return error;
  static_assert(sizeof(device->name) == sizeof(properties.name));
  std::memcpy(device->name, properties.name, sizeof(device->name));
  device->memory_total = static_cast<int64_t>(total);
  device->memory_free = static_cast<int64_t>(free);
  device->compute_major = properties.major;
  device->compute_minor = properties.minor;
  device->multiprocessors = properties.multiProcessorCount;
  return cudaSuccess;
}

int32_t plugin_create_workspace(int32_t device, LarmorCudaWorkspace** workspace) {
  *workspace = nullptr;
  const DeviceGuard guard(device);
  if (guard.error() != cudaSuccess) return guard.error();
  auto* made = new (std::nothrow) LarmorCudaWorkspace(device);
  if (made == nullptr) return cudaErrorMemoryAllocation;
  const cudaError_t error = made->open();
  if (error != cudaSuccess) {
    delete made;
    return error;
  }
  *workspace = made;
  return cudaSuccess;
}

void plugin_destroy_workspace(LarmorCudaWorkspace* workspace) {
  if (workspace == nullptr) return;
  const DeviceGuard guard(workspace->device());
  delete workspace;
}

int32_t plugin_moment_step(LarmorCudaWorkspace* workspace, const LarmorCudaTensor* tensors, int64_t count, void* stream) {
  return with_table(workspace, tensors, count, stream, [](const Table& table, cudaStream_t on) { return moment_step(table, on); });
}

int32_t plugin_ralamb_step(LarmorCudaWorkspace* workspace, const LarmorCudaTensor* tensors, int64_t count, double largest_norm,
                           void* stream) {
  return with_table(workspace, tensors, count, stream,
                    [=](const Table& table, cudaStream_t on) { return ralamb_step(table, largest_norm, on); });
}

int32_t plugin_lookahead_sync(LarmorCudaWorkspace* workspace, const LarmorCudaTensor* tensors, int64_t count, float alpha, void* stream) {
  return with_table(workspace, tensors, count, stream,
                    [=](const Table& table, cudaStream_t on) { return lookahead_sync(table, alpha, on); });
}

int32_t plugin_gradient_squares(LarmorCudaWorkspace* workspace, const LarmorCudaTensor* tensors, int64_t count, double* squares,
                                void* stream) {
  if (squares == nullptr) return cudaErrorInvalidValue;
  for (int64_t i = 0; i < count; ++i) squares[i] = 0;
  return with_table(workspace, tensors, count, stream, [=](const Table& table, cudaStream_t on) {
    std::vector<Sums> sums(static_cast<size_t>(count));
    cudaError_t error = gradient_squares(table, on);
    if (error == cudaSuccess)
      error = cudaMemcpyAsync(sums.data(), table.tensor_sums, sums.size() * sizeof(Sums), cudaMemcpyDeviceToHost, on);
    if (error == cudaSuccess) error = cudaStreamSynchronize(on);
    if (error != cudaSuccess) return error;
    for (int64_t i = 0; i < count; ++i) squares[i] = sums[static_cast<size_t>(i)].first;
    return cudaSuccess;
  });
}

int32_t plugin_scale_gradients(LarmorCudaWorkspace* workspace, const LarmorCudaTensor* tensors, int64_t count, float factor, void* stream) {
  return with_table(workspace, tensors, count, stream,
                    [=](const Table& table, cudaStream_t on) { return scale_gradients(table, factor, on); });
}

constexpr LarmorCudaPlugin kPlugin = {
    LARMOR_CUDA_PLUGIN_VERSION, plugin_error_text,       plugin_versions,          plugin_device_count,
    plugin_describe_device,     plugin_create_workspace, plugin_destroy_workspace, plugin_moment_step,
    plugin_ralamb_step,         plugin_lookahead_sync,   plugin_gradient_squares,  plugin_scale_gradients,
};

}  // namespace

}  // namespace larmor::cuda

extern "C" __attribute__((visibility("default"))) const LarmorCudaPlugin* larmor_cuda_plugin(void) { return &larmor::cuda::kPlugin; }
