#include "optim/chunks.h"

#include <ATen/Parallel.h>

#include <algorithm>

#include "core/parallel.h"

namespace larmor::optim {

std::vector<Piece> cut(const std::vector<const Segment*>& tensors, bool whole_filters) {
  std::vector<Piece> pieces;
  int64_t place = 0;
  for (size_t item = 0; item < tensors.size(); ++item) {
    const int64_t count = tensors[item]->count;
    const int64_t filter = std::max<int64_t>(1, tensors[item]->filter);
    const int64_t size = whole_filters ? std::max<int64_t>(1, kPiece / filter) * filter : kPiece;
    for (int64_t begin = 0; begin < count; begin += size) pieces.push_back({item, begin, std::min(begin + size, count), place + begin});
    place += count;
  }
  return pieces;
}

int64_t elements_of(const std::vector<Piece>& pieces) {
  return pieces.empty() ? 0 : pieces.back().place + pieces.back().end - pieces.back().begin;
}

void for_each_piece(const std::vector<Piece>& pieces, const std::function<void(const Piece& piece, size_t index)>& body) {
  const int threads = elements_of(pieces) < kLeastParallel ? 1 : at::get_num_threads();
  parallel_for(static_cast<int64_t>(pieces.size()), threads, [&](int64_t i) {
    const auto index = static_cast<size_t>(i);
    body(pieces[index], index);
  });
}

}  // namespace larmor::optim
