#include "datasets/loader.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <mutex>

#include "core/error.h"
#include "core/memory.h"
#include "core/random.h"
#include "core/thread_pool.h"
#include "datasets/batch_slots.h"
#include "datasets/prepare_sample.h"

namespace larmor::datasets {

namespace {

/// One item of a batch: which case, and how often the case has been drawn before in this epoch.
struct Draw {
  int64_t index = 0;
  uint64_t repeat = 0;
};

/// The draws of one epoch.
struct EpochPlan {
  int64_t epoch = -1;
  std::vector<Draw> draws;
};

/// Why an item could not be made. Told as text: the owner throws it in its own thread.
struct Failure {
  ErrorKind kind = ErrorKind::run;
  std::string message;
};

/// A batch in the making. Workers write to different items; the last one tells the owner.
struct Job {
  int64_t epoch = 0;
  std::vector<Draw> draws;
  Batch batch;
  std::vector<std::optional<Failure>> failures;
  std::atomic<bool> is_cancelled{false};
  std::atomic<int64_t> left{0};
  std::mutex mutex;
  std::condition_variable finished;

  void finish_one() {
    if (left.fetch_sub(1, std::memory_order_acq_rel) > 1) return;
    const std::lock_guard lock(mutex);
    finished.notify_one();
  }

  bool is_finished() const { return left.load(std::memory_order_acquire) == 0; }

  void wait() {
    std::unique_lock lock(mutex);
    finished.wait(lock, [&] { return is_finished(); });
  }

  /// The first failure by position; the count of others is told.
  void throw_first() const {
    const auto first = std::find_if(failures.begin(), failures.end(), [](const auto& failure) { return failure.has_value(); });
    if (first == failures.end()) return;
    const auto others = std::count_if(first + 1, failures.end(), [](const auto& failure) { return failure.has_value(); });
    throw Error((*first)->kind, others == 0 ? (*first)->message : fmt::format("{} (and {} more)", (*first)->message, others));
  }
};

/// Copies pixels; an item without a label is all background.
void copy_label(const imaging::Image& label, uint8_t* target, int64_t pixels) {
  if (label.voxels() == 0) {
    std::memset(target, 0, static_cast<size_t>(pixels));
  } else {
    LARMOR_ASSERT(label.elements() == pixels && label.type == imaging::PixelType::u8);
    std::memcpy(target, label.data<uint8_t>(), static_cast<size_t>(pixels));
  }
}

LoaderOptions checked(LoaderOptions options, size_t cases) {
  const std::vector<std::string> samplings{"uniform", "balanced", "weighted"};
  LARMOR_ASSERT(options.batch >= 1 && options.workers >= 1 && options.prefetch >= 0 && options.size >= 1);
  if (std::find(samplings.begin(), samplings.end(), options.sampling) == samplings.end()) {
    throw_usage_error("data.sampling: " + unknown_name_message("sampling", options.sampling, samplings, ""));
  }
  if (cases == 0) throw_usage_error("data: there is no case to load");
  if (options.drop_last && static_cast<int64_t>(cases) < options.batch) {
    throw_usage_error(fmt::format("data.batch: a batch of {} is larger than the {} cases to train on; lower it", options.batch, cases));
  }
  return options;
}

/// A training loop holds the batch in work and the one delivered beside those made ahead.
int64_t slots_of(int64_t prefetch) { return prefetch + 2; }

/// Memory of one batch with its labels. Fits 64 bits: check_memory() comes first.
size_t bytes_of_batch(int64_t samples, int64_t channels, int64_t pixels) {
  return static_cast<size_t>(samples * pixels) * (static_cast<size_t>(channels) * sizeof(float) + 1);
}

/// In double, because a mistyped option may ask for more than 64 bits count.
void check_memory(const LoaderOptions& options, int64_t samples, int64_t channels) {
  constexpr double kGibibyte = 1 << 30;
  const auto side = static_cast<double>(options.size);
  const auto machine = static_cast<double>(physical_memory());
  const double batch = static_cast<double>(samples) * side * side * static_cast<double>(channels * sizeof(float) + 1);
  const double needed = batch * (static_cast<double>(options.prefetch) + 2);
  if (needed <= machine / 2) return;
  throw_usage_error(fmt::format(
      "data.prefetch: {} batches of {} x {} x {} x {} ahead, the one in work and the next would take {:.1f} GiB, more than half of this "
      "machine's {:.1f} GiB; lower data.prefetch, data.batch or data.size",
      options.prefetch, samples, channels, options.size, options.size, needed / kGibibyte, machine / kGibibyte));
}

}  // namespace

struct Loader::State {
  State(std::shared_ptr<SampleCache> shared_cache, const Source& from, std::vector<int64_t> cases, LoaderOptions loader_options,
        NormaliseOptions normalise_options, std::optional<AugmentOptions> augment_options, SlotAllocator allocator);
  ~State();
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  int64_t pixels() const { return options.size * options.size; }
  /// Samples of the fullest batch.
  int64_t batch_size() const { return std::min(options.batch, samples); }
  int64_t batches() const { return (samples + options.batch - 1) / options.batch; }
  /// Every epoch is alike where nothing is drawn: what was made ahead for one serves any other.
  int64_t plan_epoch(int64_t wanted) const { return is_repeating ? 0 : wanted; }

  std::shared_ptr<BatchSlots> make_slots(int64_t channels, SlotAllocator allocator) const;
  const EpochPlan& plan_of(int64_t wanted);
  std::shared_ptr<Job> make_job();
  void fill_ring();
  void cancel_all();
  void make_item(Job& job, size_t item) const;
  void make_item_safely(Job& job, size_t item) const;

  const std::shared_ptr<SampleCache> cache;
  const Source& source;
  const std::vector<int64_t> indices;
  const LoaderOptions options;
  const NormaliseOptions normalise;
  const std::optional<AugmentOptions> augmentation;
  const RandomKey augment_key;
  const bool is_repeating;
  const int64_t samples;
  const std::shared_ptr<BatchSlots> slots;

  // Of the owner's thread alone.
  EpochPlan plan;
  std::deque<std::shared_ptr<Job>> ring;  ///< in order of delivery
  int64_t ring_epoch = 0;                 ///< what the next job will be
  int64_t ring_index = 0;
  int64_t next_index = -1;  ///< of the batch that next() delivers; -1 before the first epoch
  double waited_seconds = 0;

  ThreadPool pool;  ///< last: its threads end before anything they use
};

Loader::State::State(std::shared_ptr<SampleCache> shared_cache, const Source& from, std::vector<int64_t> cases,
                     LoaderOptions loader_options, NormaliseOptions normalise_options, std::optional<AugmentOptions> augment_options,
                     SlotAllocator allocator)
    : cache(std::move(shared_cache)),
      source(from),
      indices(std::move(cases)),
      options(checked(std::move(loader_options), indices.size())),
      normalise(std::move(normalise_options)),
      augmentation(augment_options),
      augment_key(RandomKey(options.seed).with("augment")),
      is_repeating(!options.shuffle && options.sampling == "uniform" && !augmentation),
      samples(options.drop_last ? static_cast<int64_t>(indices.size()) / options.batch * options.batch
                                : static_cast<int64_t>(indices.size())),
      slots(make_slots(from.channels(), std::move(allocator))),
      pool(static_cast<size_t>(options.workers)) {}

Loader::State::~State() {
  cancel_all();
  slots->close();
}

std::shared_ptr<BatchSlots> Loader::State::make_slots(int64_t channels, SlotAllocator allocator) const {
  check_memory(options, batch_size(), channels);
  return std::make_shared<BatchSlots>(bytes_of_batch(batch_size(), channels, pixels()), static_cast<size_t>(slots_of(options.prefetch)),
                                      std::move(allocator));
}

const EpochPlan& Loader::State::plan_of(int64_t wanted) {
  if (plan.epoch == wanted) return plan;
  EpochPlan fresh{.epoch = wanted, .draws = {}};
  std::vector<uint64_t> seen(indices.size());
  for (const int64_t position : epoch_order(source, indices, options, wanted)) {
    const auto at = static_cast<size_t>(position);
    fresh.draws.push_back({indices[at], seen[at]++});
  }
  plan = std::move(fresh);
  return plan;
}

std::shared_ptr<Job> Loader::State::make_job() {
  const std::vector<Draw>& draws = plan_of(ring_epoch).draws;
  const int64_t begin = ring_index * options.batch;
  const int64_t count = std::min(options.batch, samples - begin);
  auto job = std::make_shared<Job>();
  job->epoch = ring_epoch;
  job->draws.assign(draws.begin() + begin, draws.begin() + begin + count);
  job->failures.resize(static_cast<size_t>(count));
  job->left = count;
  Batch& batch = job->batch;
  batch.index = ring_index;
  batch.keys.resize(static_cast<size_t>(count));
  batch.shape = {count, source.channels(), options.size, options.size};
  batch.slot = slots->take();
  batch.image = static_cast<float*>(batch.slot.get());
  batch.label = reinterpret_cast<uint8_t*>(batch.image + batch_size() * source.channels() * pixels());
  if (options.keep_source_labels) batch.source_labels.resize(static_cast<size_t>(count));
  return job;
}

/// Hands out work until enough batches are in the making, over the end of the epoch.
void Loader::State::fill_ring() {
  const auto ahead = static_cast<size_t>(std::max<int64_t>(1, options.prefetch));
  while (ring.size() < ahead) {
    ring.push_back(make_job());
    for (size_t item = 0; item < ring.back()->draws.size(); ++item) {
      pool.submit([this, job = ring.back(), item] { make_item_safely(*job, item); });
    }
    if (++ring_index == batches()) {
      ring_index = 0;
      ring_epoch = plan_epoch(ring_epoch + 1);
    }
  }
}

void Loader::State::cancel_all() {
  for (const std::shared_ptr<Job>& job : ring) job->is_cancelled = true;
  ring.clear();
}

void Loader::State::make_item(Job& job, size_t item) const {
  static thread_local RawSample changed;  // a worker's own memory, used again for every item
  const Draw& draw = job.draws[item];
  const std::shared_ptr<const RawSample> stored = cache->get(draw.index);
  const RawSample* sample = stored.get();
  RawSample resized;
  if (sample->image.width() != options.size || sample->image.height() != options.size) {
    resized.key = sample->key;
    resized.image = to_network_size(sample->image, options.size);
    if (sample->label.voxels() > 0) resized.label = label_to_network_size(sample->label, options.size);
    sample = &resized;
  }
  if (augmentation) {
    const RandomKey key = augment_key.with(static_cast<uint64_t>(job.epoch)).with(stored->key.to_string()).with(draw.repeat);
    augment_into(*sample, *augmentation, key, changed);
    sample = &changed;
  }
  Batch& batch = job.batch;
  LARMOR_ASSERT(sample->image.channels == batch.shape[1] && sample->image.voxels() == pixels());
  const auto place = static_cast<int64_t>(item);
  datasets::normalise(sample->image, normalise, batch.image + place * batch.shape[1] * pixels());
  copy_label(sample->label, batch.label + place * pixels(), pixels());
  batch.keys[item] = stored->key;
  if (options.keep_source_labels) batch.source_labels[item] = stored->label;
}

void Loader::State::make_item_safely(Job& job, size_t item) const {
  const auto fail = [&](ErrorKind kind, const char* message) {
    const CaseKey& key = source.cases()[static_cast<size_t>(job.draws[item].index)].key;
    job.failures[item] = Failure{kind, fmt::format("{}: {}", key.to_string(), message)};
  };
  try {
    if (!job.is_cancelled) make_item(job, item);
  } catch (const Error& error) {
    fail(error.kind(), error.what());
  } catch (const std::bad_alloc&) {
    fail(ErrorKind::run, "out of memory; lower data.batch, data.size or data.cache_mib");
  } catch (const std::exception& error) {
    fail(ErrorKind::run, error.what());
  }
  job.finish_one();
}

Loader::Loader(std::shared_ptr<SampleCache> cache, const Source& source, std::vector<int64_t> indices, LoaderOptions options,
               NormaliseOptions normalise, std::optional<AugmentOptions> augmentation, SlotAllocator allocator)
    : state_(std::make_unique<State>(std::move(cache), source, std::move(indices), std::move(options), std::move(normalise), augmentation,
                                     std::move(allocator))) {}
Loader::~Loader() = default;

int64_t Loader::batches_per_epoch() const { return state_->batches(); }
int64_t Loader::samples_per_epoch() const { return state_->samples; }
double Loader::wait_seconds() const { return state_->waited_seconds; }

void Loader::start_epoch(int64_t epoch, int64_t first_batch) {
  State& state = *state_;
  LARMOR_ASSERT(epoch >= 0 && first_batch >= 0 && first_batch <= state.batches());
  state.next_index = first_batch;
  const bool is_over = first_batch == state.batches();
  const int64_t wanted_epoch = state.plan_epoch(is_over ? epoch + 1 : epoch);
  const int64_t wanted_index = is_over ? 0 : first_batch;
  const bool is_ahead = !state.ring.empty() && state.ring.front()->epoch == wanted_epoch && state.ring.front()->batch.index == wanted_index;
  if (!is_ahead) {
    state.cancel_all();
    state.ring_epoch = wanted_epoch;
    state.ring_index = wanted_index;
  }
  state.fill_ring();
}

std::optional<Batch> Loader::next() {
  State& state = *state_;
  LARMOR_ASSERT(state.next_index >= 0);
  if (state.next_index == state.batches()) return std::nullopt;
  const std::shared_ptr<Job> job = state.ring.front();
  state.ring.pop_front();
  ++state.next_index;
  state.fill_ring();
  if (!job->is_finished()) {
    const auto start = std::chrono::steady_clock::now();
    job->wait();
    state.waited_seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }
  job->throw_first();
  return std::move(job->batch);
}

}  // namespace larmor::datasets
