// Two passes over tensors of which the second needs what the first measured, without a barrier between them.
//
// Memory is what a step waits for, so the second pass should find its data in the cache. Tensors go in batches, a few small ones or a
// large one. Each thread owns a contiguous share of a batch, goes through it forwards in the first pass and backwards in the second,
// and then takes what other threads have not begun. While another thread has the last piece of a tensor in hand, it begins the next
// batch. What is computed does not depend on threads or batches.
#pragma once
#include <cstddef>
#include <functional>
#include <vector>

#include "optim/chunks.h"

namespace larmor::optim {

struct TwoPasses {
  /// `scratch`: one float per element of the piece, kept until its second pass.
  std::function<void(const Piece& piece, size_t index, float* scratch)> first;
  /// Once for each tensor, after the first pass of all its pieces `begin` … `end`-1.
  std::function<void(size_t item, size_t begin, size_t end)> between;
  std::function<void(const Piece& piece, float* scratch)> second;
};

/// `pieces` as cut() gives them. `scratch` is made or enlarged as needed.
void run_two_passes(const std::vector<Piece>& pieces, const TwoPasses& passes, at::Tensor& scratch);

}  // namespace larmor::optim
