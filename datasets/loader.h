// Batches from a source: threads over samples, a bounded ring of reusable slots, one shared cache of decoded cases.
//
// The order and content of batches depend on (seed, epoch) alone, not on the number of workers, and prefetch runs across epochs.
//
//   auto cache = std::make_shared<SampleCache>(source, bytes);
//   Loader loader(cache, source, split.train, options, normalise, augmentation);
//   for (int64_t epoch = 0; epoch < epochs; ++epoch) {
//     loader.start_epoch(epoch);
//     while (std::optional<Batch> batch = loader.next()) step(*batch);
//   }
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
  int64_t workers = 2;   ///< loader threads
  int64_t prefetch = 2;  ///< batches made ahead
  int64_t size = 256;    ///< side of the square input; the source is padded to square, then resized
  bool shuffle = false;
  bool drop_last = false;
  /// uniform (each case once) | balanced (positive_share of the cases drawn show foreground) | weighted (by foreground area, Buda's rule)
  std::string sampling = "uniform";
  double positive_share = 0.5;
  bool keep_source_labels = false;  ///< evaluation: also the label maps at source size
  uint64_t seed = 0;
};

/// Decoded cases, shared by the loaders of one run. Thread-safe; holds at most `limit_bytes`.
class SampleCache {
 public:
  SampleCache(const Source& source, size_t limit_bytes);
  ~SampleCache();
  SampleCache(const SampleCache&) = delete;
  SampleCache& operator=(const SampleCache&) = delete;
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

/// Used by one thread at a time; the source must outlive it, batches may be kept longer. Besides the batches that the caller holds it
/// has `prefetch` + 1 of them in memory.
class Loader {
 public:
  /// `indices`: the cases of one side of a split. `augmentation` none: evaluation. Error (usage): an unknown sampling, no case,
  /// drop_last with fewer cases than a batch, batches ahead that would take more than half of the machine's memory.
  Loader(std::shared_ptr<SampleCache> cache, const Source& source, std::vector<int64_t> indices, LoaderOptions options,
         NormaliseOptions normalise, std::optional<AugmentOptions> augmentation, SlotAllocator allocator = {});
  ~Loader();
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;

  int64_t batches_per_epoch() const;
  int64_t samples_per_epoch() const;
  /// Starts epoch `epoch` (from 0) at batch `first_batch` (resume in mid-epoch). Epochs in sequence reuse what was prefetched; an
  /// evaluation's epochs are all alike, so there every start at the first batch does. Error (usage): balanced sampling of one kind only.
  void start_epoch(int64_t epoch, int64_t first_batch = 0);
  /// The next batch of the epoch, or nullopt at its end. Rethrows the first of the workers' failures by position as an Error with the
  /// case key in front ("TCGA_CS_4944:7: …"), telling how many others there are; the batch after it can still be had.
  std::optional<Batch> next();
  /// Seconds that next() has waited since the object was made.
  double wait_seconds() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// The order of an epoch: positions into `indices` for every sample drawn. Balanced and weighted draw as many samples as there are
/// cases, always in random order; balanced draws no case again before all of its kind were drawn. Exposed because resume and tests need it.
std::vector<int64_t> epoch_order(const Source& source, const std::vector<int64_t>& indices, const LoaderOptions& options, int64_t epoch);

}  // namespace larmor::datasets
