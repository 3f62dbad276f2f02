#include "datasets/batch_slots.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <set>

#include "tests/datasets/support.h"

namespace larmor::datasets {
namespace {

/// Memory whose blocks are counted.
struct CountedMemory {
  std::multiset<void*> live;
  int allocated = 0;
  SlotAllocator allocator() {
    return {.allocate =
                [this](size_t bytes) {
                  ++allocated;
                  return *live.insert(std::malloc(bytes));
                },
            .release =
                [this](void* block) {
                  live.erase(live.find(block));
                  std::free(block);
                }};
  }
};

TEST(BatchSlots, UsesReturnedMemoryAgain) {
  CountedMemory memory;
  const auto slots = std::make_shared<BatchSlots>(100, 2, memory.allocator());
  for (int i = 0; i < 10; ++i) slots->take();
  EXPECT_EQ(memory.allocated, 1);
}

TEST(BatchSlots, KeepsNoMoreThanItsSpareBlocks) {
  CountedMemory memory;
  const auto slots = std::make_shared<BatchSlots>(100, 2, memory.allocator());
  std::vector<std::shared_ptr<void>> held;
  for (int i = 0; i < 5; ++i) held.push_back(slots->take());
  EXPECT_EQ(memory.live.size(), 5u);
  held.clear();
  EXPECT_EQ(memory.live.size(), 2u);
}

TEST(BatchSlots, BlocksOutliveTheirOwner) {
  CountedMemory memory;
  auto slots = std::make_shared<BatchSlots>(100, 2, memory.allocator());
  std::shared_ptr<void> held = slots->take();
  slots->take();
  slots->close();
  EXPECT_EQ(memory.live.size(), 1u);
  slots.reset();
  EXPECT_EQ(memory.live.size(), 1u);
  held.reset();
  EXPECT_TRUE(memory.live.empty());
}

TEST(BatchSlots, PlainMemoryIsAligned) {
  const auto slots = std::make_shared<BatchSlots>(100, 1, SlotAllocator{});
  EXPECT_EQ(reinterpret_cast<uintptr_t>(slots->take().get()) % 64, 0u);
}

TEST(BatchSlotsError, OutOfMemorySaysWhatToLower) {
  const auto slots = std::make_shared<BatchSlots>(size_t{3} << 20, 1, SlotAllocator{[](size_t) { return nullptr; }, [](void*) {}});
  ErrorKind kind{};
  EXPECT_EQ(testing::message_of([&] { slots->take(); }, &kind),
            "out of memory: a batch needs 3.0 MiB; lower data.batch, data.size or data.prefetch");
  EXPECT_EQ(kind, ErrorKind::run);
}

}  // namespace
}  // namespace larmor::datasets
