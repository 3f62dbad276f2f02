#include <list>
#include <mutex>
#include <unordered_map>

#include "datasets/loader.h"

namespace larmor::datasets {

namespace {

size_t bytes_of(const RawSample& sample) { return sizeof(RawSample) + sample.image.bytes.size() + sample.label.bytes.size(); }

}  // namespace

struct SampleCache::State {
  struct Entry {
    int64_t index;
    std::shared_ptr<const RawSample> sample;
  };

  State(const Source& cached_source, size_t limit_bytes) : source(cached_source), limit(limit_bytes) {}

  const Source& source;
  const size_t limit;
  std::mutex mutex;
  std::list<Entry> entries;  ///< the most recently used first
  std::unordered_map<int64_t, std::list<Entry>::iterator> places;
  size_t bytes = 0;

  std::shared_ptr<const RawSample> find(int64_t index) {
    const std::lock_guard lock(mutex);
    const auto place = places.find(index);
    if (place == places.end()) return nullptr;
    entries.splice(entries.begin(), entries, place->second);
    return place->second->sample;
  }

  /// Keeps a case that fits; another thread may have been first with the same one.
  void keep(int64_t index, const std::shared_ptr<const RawSample>& sample) {
    const size_t size = bytes_of(*sample);
    if (size > limit) return;
    const std::lock_guard lock(mutex);
    if (places.contains(index)) return;
    while (bytes + size > limit) {
      bytes -= bytes_of(*entries.back().sample);
      places.erase(entries.back().index);
      entries.pop_back();
    }
    entries.push_front({index, sample});
    places[index] = entries.begin();
    bytes += size;
  }
};

SampleCache::SampleCache(const Source& source, size_t limit_bytes) : state_(std::make_unique<State>(source, limit_bytes)) {}
SampleCache::~SampleCache() = default;

std::shared_ptr<const RawSample> SampleCache::get(int64_t index) {
  if (auto found = state_->find(index)) return found;
  auto loaded = std::make_shared<const RawSample>(state_->source.load(index));
  state_->keep(index, loaded);
  return loaded;
}

size_t SampleCache::bytes() const {
  const std::lock_guard lock(state_->mutex);
  return state_->bytes;
}

}  // namespace larmor::datasets
