#include "optim/two_passes.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <vector>

namespace larmor::optim {
namespace {

/// Runs over tensors of these sizes and checks that nothing comes too early and that the scratch is kept.
void check(const std::vector<int64_t>& counts, int threads) {
  std::vector<Segment> segments(counts.size());
  std::vector<const Segment*> pointers;
  for (size_t i = 0; i < counts.size(); ++i) {
    segments[i].count = counts[i];
    segments[i].filter = 1;
    pointers.push_back(&segments[i]);
  }
  const std::vector<Piece> pieces = cut(pointers, false);
  std::vector<std::atomic<int>> first(counts.size());
  std::vector<std::atomic<int>> between(counts.size());
  std::vector<std::atomic<int>> second(counts.size());
  std::atomic<int> mistakes{0};

  TwoPasses passes;
  passes.first = [&](const Piece& piece, size_t index, float* scratch) {
    mistakes += &piece != &pieces[index];
    mistakes += between[piece.item] != 0;
    const auto mark = static_cast<float>(index);
    std::fill(scratch, scratch + (piece.end - piece.begin), mark);
    ++first[piece.item];
  };
  passes.between = [&](size_t item, size_t begin, size_t end) {
    mistakes += first[item] != static_cast<int>(end - begin);
    mistakes += pieces[begin].item != item || pieces[end - 1].item != item;
    mistakes += pieces[begin].begin != 0 || pieces[end - 1].end != counts[item];
    ++between[item];
  };
  passes.second = [&](const Piece& piece, float* scratch) {
    mistakes += between[piece.item] != 1;
    const auto mark = static_cast<float>(&piece - pieces.data());
    mistakes += !std::all_of(scratch, scratch + (piece.end - piece.begin), [=](float value) { return value == mark; });
    ++second[piece.item];
  };
  const int threads_before = at::get_num_threads();
  at::set_num_threads(threads);
  at::Tensor scratch;
  run_two_passes(pieces, passes, scratch);
  at::set_num_threads(threads_before);

  EXPECT_EQ(mistakes, 0);
  for (size_t i = 0; i < counts.size(); ++i) {
    EXPECT_EQ(between[i], counts[i] > 0 ? 1 : 0) << i;
    EXPECT_EQ(second[i], first[i].load()) << i;
  }
}

TEST(TwoPasses, KeepsTheOrderAndTheScratch) {
  const std::vector<std::vector<int64_t>> tables = {{},
                                                    {0},
                                                    {1},
                                                    {5, 0, 7, kPiece, kPiece + 1},
                                                    {3000000, 1, 2, 2000000, 100000, 17},
                                                    std::vector<int64_t>(60, 70000),
                                                    std::vector<int64_t>(500, 100)};
  for (const std::vector<int64_t>& counts : tables) {
    for (const int threads : {1, 2, 4}) check(counts, threads);
  }
}

}  // namespace
}  // namespace larmor::optim
