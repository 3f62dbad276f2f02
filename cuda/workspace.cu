#include <algorithm>
#include <cstring>

#include "cuda/workspace.cuh"

namespace larmor::cuda {
namespace {

int64_t pieces_of(const LarmorCudaTensor& tensor) { return (tensor.count + kPieceElements - 1) / kPieceElements; }

constexpr size_t kAlignment = 256;
size_t aligned(size_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

/// Where the parts of a table lie in one block of memory; the staged parts come first.
struct Layout {
  size_t tensors = 0, first_piece = 0, pieces = 0, staged = 0, piece_sums = 0, tensor_sums = 0, end = 0;

  Layout(int64_t tensor_count, int64_t piece_count) {
    const auto t = static_cast<size_t>(tensor_count);
    const auto p = static_cast<size_t>(piece_count);
    first_piece = tensors + aligned(t * sizeof(LarmorCudaTensor));
    pieces = first_piece + aligned((t + 1) * sizeof(int64_t));
    staged = pieces + aligned(p * sizeof(Piece));
    piece_sums = staged;
    tensor_sums = piece_sums + aligned(p * sizeof(Sums));
    end = tensor_sums + aligned(t * sizeof(Sums));
  }
};

void fill(char* staging, const Layout& layout, const LarmorCudaTensor* tensors, int64_t count) {
  std::memcpy(staging + layout.tensors, tensors, static_cast<size_t>(count) * sizeof(LarmorCudaTensor));
  auto* first = reinterpret_cast<int64_t*>(staging + layout.first_piece);
  auto* piece = reinterpret_cast<Piece*>(staging + layout.pieces);
  int64_t pieces = 0;
  for (int64_t i = 0; i < count; ++i) {
    first[i] = pieces;
    for (int64_t k = 0; k < pieces_of(tensors[i]); ++k) piece[pieces++] = {i, k * kPieceElements};
  }
  first[count] = pieces;
}

}  // namespace
}  // namespace larmor::cuda

using larmor::cuda::Layout;
using larmor::cuda::Table;

LarmorCudaWorkspace::~LarmorCudaWorkspace() {
  if (copied_ != nullptr) cudaEventSynchronize(copied_);
  cudaFreeHost(staging_);
  cudaFree(memory_);
  if (copied_ != nullptr) cudaEventDestroy(copied_);
}

cudaError_t LarmorCudaWorkspace::open() { return cudaEventCreateWithFlags(&copied_, cudaEventDisableTiming); }

cudaError_t LarmorCudaWorkspace::reserve(size_t staged_bytes, size_t device_bytes) {
  if (staged_bytes > staging_size_) {
    cudaFreeHost(staging_);
    staging_ = nullptr;
    staging_size_ = 0;
    const cudaError_t error = cudaMallocHost(reinterpret_cast<void**>(&staging_), staged_bytes);
    if (error != cudaSuccess) return error;
    staging_size_ = staged_bytes;
  }
  if (device_bytes > memory_size_) {
    cudaFree(memory_);  // waits for the kernels that use it
    memory_ = nullptr;
    memory_size_ = 0;
    const cudaError_t error = cudaMalloc(reinterpret_cast<void**>(&memory_), device_bytes);
    if (error != cudaSuccess) return error;
    memory_size_ = device_bytes;
  }
  return cudaSuccess;
}

cudaError_t LarmorCudaWorkspace::upload(const LarmorCudaTensor* tensors, int64_t count, cudaStream_t stream, Table& table) {
  int64_t pieces = 0;
  for (int64_t i = 0; i < count; ++i) pieces += larmor::cuda::pieces_of(tensors[i]);
  const Layout layout(count, pieces);
  cudaError_t error = cudaEventSynchronize(copied_);
  if (error == cudaSuccess) error = reserve(layout.staged, layout.end);
  if (error != cudaSuccess) return error;
  larmor::cuda::fill(staging_, layout, tensors, count);
  error = cudaMemcpyAsync(memory_, staging_, layout.staged, cudaMemcpyHostToDevice, stream);
  if (error == cudaSuccess) error = cudaEventRecord(copied_, stream);
  table.tensors = reinterpret_cast<const LarmorCudaTensor*>(memory_ + layout.tensors);
  table.pieces = reinterpret_cast<const larmor::cuda::Piece*>(memory_ + layout.pieces);
  table.first_piece = reinterpret_cast<const int64_t*>(memory_ + layout.first_piece);
  table.piece_sums = reinterpret_cast<larmor::cuda::Sums*>(memory_ + layout.piece_sums);
  table.tensor_sums = reinterpret_cast<larmor::cuda::Sums*>(memory_ + layout.tensor_sums);
  table.tensor_count = count;
  table.piece_count = pieces;
  return error;
}
