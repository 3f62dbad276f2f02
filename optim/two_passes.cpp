#include "optim/two_passes.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "core/parallel.h"

namespace larmor::optim {

namespace {

/// Elements of a batch, unless one tensor has more: few enough for the cache, enough for all threads.
constexpr int64_t kBatch = int64_t{1} << 19;
/// Batches whose scratch is alive at the same time.
constexpr size_t kAlive = 2;

/// Counts down to nought; others can wait for it.
class Countdown {
 public:
  void add(int64_t count) { open_.fetch_add(count, std::memory_order_relaxed); }
  /// How many are left.
  int64_t count_down() { return open_.fetch_sub(1, std::memory_order_acq_rel) - 1; }
  void wait() const {
    while (open_.load(std::memory_order_acquire) > 0) std::this_thread::yield();
  }

 private:
  std::atomic<int64_t> open_{0};
};

struct Batch {
  size_t begin = 0;  ///< pieces
  size_t end = 0;
  int64_t elements = 0;
};

std::vector<Batch> make_batches(const std::vector<Piece>& pieces) {
  std::vector<Batch> batches;
  for (size_t begin = 0; begin < pieces.size();) {
    Batch batch{begin, begin, 0};
    while (batch.end < pieces.size()) {
      const bool starts_tensor = pieces[batch.end].begin == 0;
      if (starts_tensor && batch.elements >= kBatch) break;
      batch.elements += pieces[batch.end].end - pieces[batch.end].begin;
      ++batch.end;
    }
    begin = batch.end;
    batches.push_back(batch);
  }
  return batches;
}

struct Work {
  size_t piece = 0;
  size_t batch = 0;
  bool is_second = false;
};

/// Within a batch the second pass goes backwards: what was measured last is still in the nearest cache.
std::vector<Work> make_order(const std::vector<Batch>& batches) {
  std::vector<Work> order;
  for (size_t b = 0; b <= batches.size(); ++b) {
    if (b < batches.size()) {
      for (size_t i = batches[b].begin; i < batches[b].end; ++i) order.push_back({i, b, false});
    }
    if (b > 0) {
      for (size_t i = batches[b - 1].end; i > batches[b - 1].begin; --i) order.push_back({i - 1, b - 1, true});
    }
  }
  return order;
}

/// The pieces of one tensor.
struct Range {
  size_t begin = 0;
  size_t end = 0;
};

std::vector<Range> make_ranges(const std::vector<Piece>& pieces) {
  std::vector<Range> ranges(pieces.empty() ? 0 : pieces.back().item + 1);
  for (size_t i = 0; i < pieces.size(); ++i) {
    Range& range = ranges[pieces[i].item];
    if (range.end == 0) range.begin = i;
    range.end = i + 1;
  }
  return ranges;
}

}  // namespace

void run_two_passes(const std::vector<Piece>& pieces, const TwoPasses& passes, at::Tensor& scratch) {
  if (pieces.empty()) return;
  const std::vector<Batch> batches = make_batches(pieces);
  const std::vector<Range> tensors = make_ranges(pieces);
  int64_t room = 0;
  for (const Batch& batch : batches) room = std::max(room, batch.elements);
  const int64_t needed = room * static_cast<int64_t>(std::min(kAlive, batches.size()));
  if (!scratch.defined() || scratch.numel() < needed) scratch = make_flat_buffer(needed, at::kFloat);
  float* const memory = scratch.data_ptr<float>();

  std::vector<Countdown> first_of_tensor(tensors.size());  // and one more for between()
  std::vector<Countdown> second_of_batch(batches.size());
  for (size_t t = 0; t < tensors.size(); ++t) first_of_tensor[t].add(static_cast<int64_t>(tensors[t].end - tensors[t].begin) + 1);
  for (size_t b = 0; b < batches.size(); ++b) second_of_batch[b].add(static_cast<int64_t>(batches[b].end - batches[b].begin));

  const std::vector<Work> order = make_order(batches);
  const int threads = elements_of(pieces) < kLeastParallel ? 1 : at::get_num_threads();
  parallel_for(static_cast<int64_t>(order.size()), threads, [&](int64_t i) {
    const Work& work = order[static_cast<size_t>(i)];
    const Piece& piece = pieces[work.piece];
    float* const own = memory + static_cast<int64_t>(work.batch % kAlive) * room + piece.place - pieces[batches[work.batch].begin].place;
    if (work.is_second) {
      first_of_tensor[piece.item].wait();
      passes.second(piece, own);
      second_of_batch[work.batch].count_down();
      return;
    }
    if (work.batch >= kAlive) second_of_batch[work.batch - kAlive].wait();
    passes.first(piece, work.piece, own);
    Countdown& tensor = first_of_tensor[piece.item];
    if (tensor.count_down() > 1) return;
    passes.between(piece.item, tensors[piece.item].begin, tensors[piece.item].end);
    tensor.count_down();
  });
}

}  // namespace larmor::optim
