// Tensors cut into pieces of about equal work.
#pragma once
#include <cstdint>
#include <functional>
#include <vector>

#include "optim/flat_parameters.h"

namespace larmor::optim {

/// Elements of a piece: four streams of it fit the second-level cache several times.
inline constexpr int64_t kPiece = 16384;
/// Elements of a loop (some 20 us of work) below which threads cost more than they bring.
inline constexpr int64_t kLeastParallel = 65536;

/// Elements begin … end-1 of the item-th tensor.
struct Piece {
  size_t item = 0;
  int64_t begin = 0;
  int64_t end = 0;
  int64_t place = 0;  ///< of its first element when all tensors are laid end to end
};

/// Cuts depend on the tensors' sizes alone. `whole_filters`: a filter stays in one piece.
std::vector<Piece> cut(const std::vector<const Segment*>& tensors, bool whole_filters);

/// How many elements the pieces have together.
int64_t elements_of(const std::vector<Piece>& pieces);

/// Runs body(piece, index) for all of them on LibTorch's threads.
void for_each_piece(const std::vector<Piece>& pieces, const std::function<void(const Piece& piece, size_t index)>& body);

}  // namespace larmor::optim
