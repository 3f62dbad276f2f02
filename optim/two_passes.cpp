#include "optim/two_passes.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "core/parallel.h"

namespace larmor::optim {

namespace {

/// Elements of a batch per thread, unless one tensor has more: what both passes touch fits the second-level cache.
constexpr int64_t kBatchPerThread = int64_t{1} << 16;
/// Batches whose scratch is alive at the same time.
constexpr size_t kAlive = 2;

/// Counts down to nought; others can wait for it.
class Countdown {
 public:
  void add(int64_t count) { open_.fetch_add(count, std::memory_order_relaxed); }
  /// How many are left.
  int64_t count_down() { return open_.fetch_sub(1, std::memory_order_acq_rel) - 1; }
  bool is_done() const { return open_.load(std::memory_order_acquire) <= 0; }

 private:
  std::atomic<int64_t> open_{0};
};

/// Pieces begin … end-1.
struct Range {
  size_t begin = 0;
  size_t end = 0;
};

/// The pieces of each tensor.
std::vector<Range> make_tensors(const std::vector<Piece>& pieces) {
  std::vector<Range> tensors(pieces.back().item + 1);
  for (size_t i = 0; i < pieces.size(); ++i) {
    Range& tensor = tensors[pieces[i].item];
    if (tensor.end == 0) tensor.begin = i;
    tensor.end = i + 1;
  }
  return tensors;
}

int64_t elements_of(const std::vector<Piece>& pieces, const Range& range) {
  const Piece& last = pieces[range.end - 1];
  return last.place + last.end - last.begin - pieces[range.begin].place;
}

/// A few small tensors, or a large one.
std::vector<Range> make_batches(const std::vector<Piece>& pieces, const std::vector<Range>& tensors, int64_t largest) {
  std::vector<Range> batches;
  for (const Range& tensor : tensors) {
    if (tensor.begin == tensor.end) continue;
    const bool fits = !batches.empty() && elements_of(pieces, {batches.back().begin, tensor.end}) <= largest;
    if (fits) {
      batches.back().end = tensor.end;
    } else {
      batches.push_back(tensor);
    }
  }
  return batches;
}

/// One thread's share of a batch, of which others may take what is left.
struct Share {
  Range pieces;
  std::atomic<size_t> first{0};   ///< how many have been taken by the first pass
  std::atomic<size_t> second{0};  ///< and by the second
};

/// One run over all pieces.
class Run {
 public:
  Run(const std::vector<Piece>& pieces, const TwoPasses& passes, size_t threads)
      : pieces_(pieces),
        passes_(passes),
        threads_(threads),
        tensors_(make_tensors(pieces)),
        batches_(make_batches(pieces, tensors_, kBatchPerThread * static_cast<int64_t>(threads))),
        shares_(batches_.size() * threads),
        first_of_tensor_(tensors_.size()),
        second_of_batch_(batches_.size()) {
    for (size_t t = 0; t < tensors_.size(); ++t) first_of_tensor_[t].add(static_cast<int64_t>(tensors_[t].end - tensors_[t].begin) + 1);
    for (size_t b = 0; b < batches_.size(); ++b) {
      const auto [begin, end] = batches_[b];
      const size_t count = end - begin;
      second_of_batch_[b].add(static_cast<int64_t>(count));
      for (size_t s = 0; s < threads; ++s) share(b, s).pieces = {begin + count * s / threads, begin + count * (s + 1) / threads};
      room_ = std::max(room_, elements_of(pieces, batches_[b]));
    }
  }

  /// Elements of scratch that are needed.
  int64_t scratch_size() const { return room_ * static_cast<int64_t>(std::min(kAlive, batches_.size())); }

  /// The work of one thread: in each batch its own share, then what others have not begun.
  void work(size_t own, float* scratch) {
    for (size_t b = 0; b < batches_.size(); ++b) {
      while (!has_scratch(b)) std::this_thread::yield();
      while (run_one_first(b, own, scratch)) {
      }
      for (size_t k = 0; k < threads_; ++k) run_second(b, (own + k) % threads_, own, scratch);
    }
  }

 private:
  Share& share(size_t batch, size_t thread) { return shares_[batch * threads_ + thread]; }

  /// Whether the batch that had this one's scratch before has done with it.
  bool has_scratch(size_t batch) const { return batch < kAlive || second_of_batch_[batch - kAlive].is_done(); }

  float* scratch_of(const Piece& piece, size_t batch, float* scratch) const {
    return scratch + static_cast<int64_t>(batch % kAlive) * room_ + (piece.place - pieces_[batches_[batch].begin].place);
  }

  /// The first pass of the next piece that nobody has begun; false when there is none.
  bool run_one_first(size_t batch, size_t own, float* scratch) {
    for (size_t k = 0; k < threads_; ++k) {
      Share& share = this->share(batch, (own + k) % threads_);
      const size_t i = share.pieces.begin + share.first++;
      if (i >= share.pieces.end) continue;
      const Piece& piece = pieces_[i];
      passes_.first(piece, i, scratch_of(piece, batch, scratch));
      Countdown& tensor = first_of_tensor_[piece.item];
      if (tensor.count_down() == 1) {
        passes_.between(piece.item, tensors_[piece.item].begin, tensors_[piece.item].end);
        tensor.count_down();
      }
      return true;
    }
    return false;
  }

  /// Backwards: what was measured last is still in the nearest cache.
  void run_second(size_t batch, size_t thread, size_t own, float* scratch) {
    Share& share = this->share(batch, thread);
    const size_t count = share.pieces.end - share.pieces.begin;
    for (size_t taken = share.second++; taken < count; taken = share.second++) {
      const Piece& piece = pieces_[share.pieces.end - 1 - taken];
      // Another thread still has a piece of this tensor in hand: meanwhile the next batch.
      while (!first_of_tensor_[piece.item].is_done()) {
        const bool can_begin_next = batch + 1 < batches_.size() && has_scratch(batch + 1);
        if (!can_begin_next || !run_one_first(batch + 1, own, scratch)) std::this_thread::yield();
      }
      passes_.second(piece, scratch_of(piece, batch, scratch));
      second_of_batch_[batch].count_down();
    }
  }

  const std::vector<Piece>& pieces_;
  const TwoPasses& passes_;
  size_t threads_;
  std::vector<Range> tensors_;
  std::vector<Range> batches_;
  std::vector<Share> shares_;
  std::vector<Countdown> first_of_tensor_;  ///< and one more for between()
  std::vector<Countdown> second_of_batch_;
  int64_t room_ = 0;
};

}  // namespace

void run_two_passes(const std::vector<Piece>& pieces, const TwoPasses& passes, at::Tensor& scratch) {
  if (pieces.empty()) return;
  const int threads = elements_of(pieces) < kLeastParallel ? 1 : at::get_num_threads();
  Run run(pieces, passes, static_cast<size_t>(threads));
  if (!scratch.defined() || scratch.numel() < run.scratch_size()) scratch = make_flat_buffer(run.scratch_size(), at::kFloat);
  float* const memory = scratch.data_ptr<float>();
  parallel_for(threads, threads, [&](int64_t thread) { run.work(static_cast<size_t>(thread), memory); });
}

}  // namespace larmor::optim
