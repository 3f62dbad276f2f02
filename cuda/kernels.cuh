// The fused optimizer kernels; what they compute stands in cuda/plugin.h, their element rules in cuda/updates.h.
#pragma once
#include "cuda/workspace.cuh"

namespace larmor::cuda {

cudaError_t moment_step(const Table& table, cudaStream_t stream);
cudaError_t ralamb_step(const Table& table, double largest_norm, cudaStream_t stream);
cudaError_t lookahead_sync(const Table& table, float alpha, cudaStream_t stream);
/// Leaves the sum of each tensor in table.tensor_sums[i].first.
cudaError_t gradient_squares(const Table& table, cudaStream_t stream);
cudaError_t scale_gradients(const Table& table, float factor, cudaStream_t stream);

}  // namespace larmor::cuda
