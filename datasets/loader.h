// Batches from a source: threads over samples, a bounded ring of reusable slots, one shared cache of decoded cases.
//
// The order and content of batches depend on (seed, epoch) alone, not on the number of workers, and prefetch runs across epochs.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "datasets/augment.h"
#include "datasets/normalise.h"
#include "datasets/sample.h"
#include "datasets/source.h"

namespace larmor::datasets {

struct LoaderOptions {
  int64_t batch = 8;
  int64_t workers = 2;       ///< loader threads
  int64_t prefetch = 2;      ///< batches made ahead
  int64_t cache_mib = 2048;  ///< decoded cases kept in memory; least recently used go first
  int64_t size = 256;        ///< side of the square input; the source is padded to square, then resized
  bool shuffle = false;
  bool drop_last = false;
  std::string sampling =
      "uniform";  ///< uniform (each case once) | balanced (positive:empty = positive_share) | weighted (by foreground area, Buda's rule)
  double positive_share = 0.5;      ///< balanced
  bool keep_source_labels = false;  ///< evaluation: also the label maps at source size
  uint64_t seed = 0;
};

/// Decoded cases, shared by the loaders of one run. Thread-safe; holds at most `limit_bytes`.
class SampleCache {
 public:
  SampleCache(const Source& source, size_t limit_bytes);
  ~SampleCache();
  std::shared_ptr<const RawSample> get(int64_t index);
  size_t bytes() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Memory of batches: plain by default, pinned when the CUDA plugin gives its own.
struct SlotAllocator {
  std::function<void*(size_t bytes)> allocate;
  std::function<void(void*)> release;
};

class Loader {
 public:
  /// `indices`: the cases of one side of a split. `augmentation` none: evaluation.
  Loader(std::shared_ptr<SampleCache> cache, const Source& source, std::vector<int64_t> indices, LoaderOptions options,
         NormaliseOptions normalise, std::optional<AugmentOptions> augmentation, SlotAllocator allocator = {});
  ~Loader();

  int64_t batches_per_epoch() const;
  int64_t samples_per_epoch() const;
  /// Starts epoch `epoch` (from 0) at batch `first_batch` (resume in mid-epoch). Epochs in sequence reuse what was prefetched.
  void start_epoch(int64_t epoch, int64_t first_batch = 0);
  /// The next batch of the epoch, or nullopt at its end. Rethrows a worker's Error with the case key in front.
  std::optional<Batch> next();
  /// Seconds that next() has waited since the object was made.
  double wait_seconds() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// The order of an epoch: positions into `indices` for every sample drawn. Exposed because resume and tests need it.
std::vector<int64_t> epoch_order(const Source& source, const std::vector<int64_t>& indices, const LoaderOptions& options, int64_t epoch);

}  // namespace larmor::datasets
