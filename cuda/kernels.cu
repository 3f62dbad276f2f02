#include "cuda/kernels.cuh"
#include "cuda/updates.h"

namespace larmor::cuda {

namespace {

/// Calls body(tensor, i) for every element i of this block's piece.
template <class Body>
__device__ void for_each_element(const Table& table, const Body& body) {
  const Piece piece = table.pieces[blockIdx.x];
  const LarmorCudaTensor tensor = table.tensors[piece.tensor];
  const int64_t end = min(piece.begin + kPieceElements, tensor.count);
  for (int64_t i = piece.begin + threadIdx.x; i < end; i += kThreads) body(tensor, i);
}

/// The block's sum in thread 0: halving, always in the same order.
__device__ Sums sum_over_block(Sums mine) {
  __shared__ Sums sums[kThreads];
  sums[threadIdx.x] = mine;
  for (int half = kThreads / 2; half > 0; half /= 2) {
    __syncthreads();
    if (threadIdx.x < half) {
      sums[threadIdx.x].first += sums[threadIdx.x + half].first;
      sums[threadIdx.x].second += sums[threadIdx.x + half].second;
    }
  }
  return sums[0];
}

__device__ double square(float value) { return static_cast<double>(value) * static_cast<double>(value); }

__global__ void __launch_bounds__(kThreads) moment_kernel(Table table) {
  for_each_element(table, [](const LarmorCudaTensor& tensor, int64_t i) {
    float mean = tensor.mean[i];
    float mean_square = tensor.mean_square[i];
    const float weight = tensor.weights[i];
    const float d = update_moments(tensor, weight, tensor.gradient[i], mean, mean_square);
    tensor.mean[i] = mean;
    tensor.mean_square[i] = mean_square;
    tensor.weights[i] = next_weight(tensor, weight, d, tensor.rate);
  });
}

/// Moments, and the squared norms of the kept and the next weights of each piece.
__global__ void __launch_bounds__(kThreads) ralamb_measure_kernel(Table table) {
  Sums sums{0, 0};
  for_each_element(table, [&sums](const LarmorCudaTensor& tensor, int64_t i) {
    float mean = tensor.mean[i];
    float mean_square = tensor.mean_square[i];
    const float weight = tensor.weights[i];
    const float d = update_moments(tensor, weight, tensor.gradient[i], mean, mean_square);
    tensor.mean[i] = mean;
    tensor.mean_square[i] = mean_square;
    sums.first += square(kept_weight(tensor, weight));
    sums.second += square(next_weight(tensor, weight, d, tensor.rate));
  });
  sums = sum_over_block(sums);
  if (threadIdx.x == 0) table.piece_sums[blockIdx.x] = sums;
}

/// One block per tensor adds the sums of its pieces.
__global__ void __launch_bounds__(kThreads) sum_pieces_kernel(Table table) {
  Sums sums{0, 0};
  for (int64_t i = table.first_piece[blockIdx.x] + threadIdx.x; i < table.first_piece[blockIdx.x + 1]; i += kThreads) {
    sums.first += table.piece_sums[i].first;
    sums.second += table.piece_sums[i].second;
  }
  sums = sum_over_block(sums);
  if (threadIdx.x == 0) table.tensor_sums[blockIdx.x] = sums;
}

__global__ void __launch_bounds__(kThreads) ralamb_apply_kernel(Table table, double largest_norm) {
  const Sums sums = table.tensor_sums[table.pieces[blockIdx.x].tensor];
  const double ratio = ralamb_ratio(sums.first, sums.second, largest_norm);
  for_each_element(table, [ratio](const LarmorCudaTensor& tensor, int64_t i) {
    const float d = direction(tensor, tensor.mean[i], tensor.mean_square[i]);
    tensor.weights[i] = next_weight(tensor, tensor.weights[i], d, static_cast<float>(tensor.rate * ratio));
  });
}

__global__ void __launch_bounds__(kThreads) lookahead_kernel(Table table, float alpha) {
  for_each_element(table, [alpha](const LarmorCudaTensor& tensor, int64_t i) {
    const float slow = slow_weight(tensor.slow[i], tensor.weights[i], alpha);
    tensor.slow[i] = slow;
    tensor.weights[i] = slow;
  });
}

__global__ void __launch_bounds__(kThreads) gradient_square_kernel(Table table) {
  Sums sums{0, 0};
  for_each_element(table, [&sums](const LarmorCudaTensor& tensor, int64_t i) { sums.first += square(tensor.gradient[i]); });
  sums = sum_over_block(sums);
  if (threadIdx.x == 0) table.piece_sums[blockIdx.x] = sums;
}

__global__ void __launch_bounds__(kThreads) scale_kernel(Table table, float factor) {
  for_each_element(table, [factor](const LarmorCudaTensor& tensor, int64_t i) { tensor.gradient[i] *= factor; });
}

}  // namespace

cudaError_t moment_step(const Table& table, cudaStream_t stream) {
  moment_kernel<<<table.piece_count, kThreads, 0, stream>>>(table);
  return cudaGetLastError();
}

cudaError_t ralamb_step(const Table& table, double largest_norm, cudaStream_t stream) {
  ralamb_measure_kernel<<<table.piece_count, kThreads, 0, stream>>>(table);
  sum_pieces_kernel<<<table.tensor_count, kThreads, 0, stream>>>(table);
  ralamb_apply_kernel<<<table.piece_count, kThreads, 0, stream>>>(table, largest_norm);
  return cudaGetLastError();
}

cudaError_t lookahead_sync(const Table& table, float alpha, cudaStream_t stream) {
  lookahead_kernel<<<table.piece_count, kThreads, 0, stream>>>(table, alpha);
  return cudaGetLastError();
}

cudaError_t gradient_squares(const Table& table, cudaStream_t stream) {
  gradient_square_kernel<<<table.piece_count, kThreads, 0, stream>>>(table);
  sum_pieces_kernel<<<table.tensor_count, kThreads, 0, stream>>>(table);
  return cudaGetLastError();
}

cudaError_t scale_gradients(const Table& table, float factor, cudaStream_t stream) {
  scale_kernel<<<table.piece_count, kThreads, 0, stream>>>(table, factor);
  return cudaGetLastError();
}

}  // namespace larmor::cuda
