// Two passes over tensors of which the second needs what the first measured, without a barrier between them.
//
// Tensors go in batches that fit the cache: first pass of batch 0, first of 1, second of 0, first of 2, second of 1, … Threads take
// pieces in this order and wait only for pieces that another thread still has in hand, so a thread that the system has put to sleep
// holds up little. A barrier after each pass of each batch would cost more than the arithmetic on a machine with other work.
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
