#include "train/pinned_memory.h"

#include <ATen/ATen.h>

namespace larmor::train {

datasets::SlotAllocator slot_allocator(at::Device device) {
  if (!device.is_cuda()) return {};
  at::Allocator* allocator = at::globalContext().getPinnedMemoryAllocator();
  return {[allocator](size_t bytes) { return allocator->raw_allocate(bytes); },
          [allocator](void* memory) { allocator->raw_deallocate(memory); }};
}

}  // namespace larmor::train
