#include "datasets/batch_slots.h"

#include <fmt/format.h>

#include <cstdlib>
#include <new>

#include "core/error.h"
#include "core/progress.h"

namespace larmor::datasets {

namespace {

constexpr size_t kAlignment = 64;  // a cache line, and the widest vector unit

SlotAllocator plain_memory() {
  return {.allocate = [](size_t bytes) { return std::aligned_alloc(kAlignment, (bytes + kAlignment - 1) / kAlignment * kAlignment); },
          .release = [](void* block) { std::free(block); }};
}

}  // namespace

BatchSlots::BatchSlots(size_t bytes, size_t spare, SlotAllocator allocator)
    : bytes_(bytes), spare_(spare), allocator_(allocator.allocate ? std::move(allocator) : plain_memory()) {
  unused_.reserve(spare);
}

BatchSlots::~BatchSlots() { close(); }

void* BatchSlots::allocate() const {
  void* block = allocator_.allocate(bytes_);
  if (block == nullptr) {
    throw_run_error(fmt::format("out of memory: a batch needs {}; lower data.batch, data.size or data.prefetch", format_bytes(bytes_)));
  }
  return block;
}

std::shared_ptr<void> BatchSlots::take() {
  void* block = nullptr;
  {
    const std::lock_guard lock(mutex_);
    if (!unused_.empty()) {
      block = unused_.back();
      unused_.pop_back();
    }
  }
  if (block == nullptr) block = allocate();
  return {block, [self = shared_from_this()](void* returned) { self->give_back(returned); }};
}

void BatchSlots::give_back(void* block) {
  {
    const std::lock_guard lock(mutex_);
    if (unused_.size() < spare_) {
      unused_.push_back(block);
      return;
    }
  }
  allocator_.release(block);
}

void BatchSlots::close() {
  const std::lock_guard lock(mutex_);
  spare_ = 0;
  for (void* block : unused_) allocator_.release(block);
  unused_.clear();
}

}  // namespace larmor::datasets
