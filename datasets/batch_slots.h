// Memory of batches that is used again and outlives the loader that made it.
#pragma once
#include <cstddef>
#include <memory>
#include <mutex>
#include <vector>

#include "datasets/loader.h"

namespace larmor::datasets {

/// Blocks of one size. A block returns when its last owner lets go of it, in any thread, even after the object was closed. Thread-safe.
class BatchSlots : public std::enable_shared_from_this<BatchSlots> {
 public:
  /// Keeps at most `spare` unused blocks for later.
  BatchSlots(size_t bytes, size_t spare, SlotAllocator allocator);
  ~BatchSlots();
  BatchSlots(const BatchSlots&) = delete;
  BatchSlots& operator=(const BatchSlots&) = delete;
  /// An unused block, or a new one. Error (run) when memory is out.
  std::shared_ptr<void> take();
  /// From now on blocks are released as they return.
  void close();

 private:
  void give_back(void* block);
  void* allocate() const;

  const size_t bytes_;
  size_t spare_;
  const SlotAllocator allocator_;
  std::mutex mutex_;
  std::vector<void*> unused_;
};

}  // namespace larmor::datasets
