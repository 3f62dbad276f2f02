// Tables of tensors on the device, cut into pieces of equal work: one block per piece.
#pragma once
#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>

#include "cuda/plugin.h"

namespace larmor::cuda {

constexpr int kThreads = 256;
/// Elements of a piece. Fixed, because the tree of a sum follows from it.
constexpr int64_t kPieceElements = 16384;

struct Piece {
  int64_t tensor;
  int64_t begin;
};

/// The sums of one piece or of one tensor.
struct Sums {
  double first, second;
};

/// What a kernel needs; all pointers are to device memory.
struct Table {
  const LarmorCudaTensor* tensors;
  const Piece* pieces;
  const int64_t* first_piece;  ///< of each tensor, and one beyond the last
  Sums* piece_sums;
  Sums* tensor_sums;
  int64_t tensor_count;
  int64_t piece_count;
};

}  // namespace larmor::cuda

/// Host side of the table: pinned memory that is copied to the device in one go.
struct LarmorCudaWorkspace {
 public:
  explicit LarmorCudaWorkspace(int device) : device_(device) {}
  ~LarmorCudaWorkspace();
  LarmorCudaWorkspace(const LarmorCudaWorkspace&) = delete;
  LarmorCudaWorkspace& operator=(const LarmorCudaWorkspace&) = delete;

  int device() const { return device_; }
  cudaError_t open();
  /// Cuts tensors into pieces and copies the table to the device, in stream order. Empty tensors have no piece.
  cudaError_t upload(const LarmorCudaTensor* tensors, int64_t count, cudaStream_t stream, larmor::cuda::Table& table);

 private:
  cudaError_t reserve(size_t staged_bytes, size_t device_bytes);

  int device_;
  cudaEvent_t copied_ = nullptr;  ///< the staging memory may be written again
  char* staging_ = nullptr;
  char* memory_ = nullptr;
  size_t staging_size_ = 0;
  size_t memory_size_ = 0;
};
