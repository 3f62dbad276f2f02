#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "datasets/loader.h"
#include "tests/datasets/support.h"

namespace larmor::datasets {
namespace {

using testing::MemorySource;

constexpr size_t kLarge = size_t{1} << 30;

TEST(SampleCache, DecodesEachCaseOnce) {
  MemorySource source;
  std::atomic<int> loads = 0;
  source.before_load = [&](int64_t) { ++loads; };
  SampleCache cache(source, kLarge);
  const auto first = cache.get(3);
  EXPECT_EQ(cache.get(3), first);
  EXPECT_EQ(first->key, source.cases()[3].key);
  EXPECT_EQ(loads, 1);
}

TEST(SampleCache, StaysBelowItsLimitAndDropsTheLeastRecentlyUsed) {
  MemorySource source;
  std::vector<int64_t> loads;
  source.before_load = [&](int64_t index) { loads.push_back(index); };
  SampleCache probe(source, kLarge);
  probe.get(0);
  const size_t one = probe.bytes();
  loads.clear();

  SampleCache cache(source, 2 * one + one / 2);
  cache.get(0);
  cache.get(1);
  cache.get(0);  // now 1 is the oldest
  cache.get(2);
  EXPECT_EQ(cache.bytes(), 2 * one);
  cache.get(0);
  EXPECT_EQ(loads, (std::vector<int64_t>{0, 1, 2}));
  cache.get(1);
  EXPECT_EQ(loads, (std::vector<int64_t>{0, 1, 2, 1}));
}

TEST(SampleCache, OfNoSizeHoldsNothing) {
  const MemorySource source;
  SampleCache cache(source, 0);
  EXPECT_EQ(cache.get(1)->key.slice, 2);
  EXPECT_EQ(cache.bytes(), 0u);
}

TEST(SampleCache, ServesManyThreads) {
  const MemorySource source;
  SampleCache probe(source, kLarge);
  probe.get(0);
  SampleCache cache(source, 5 * probe.bytes());
  std::vector<std::thread> threads;
  std::atomic<int> wrong = 0;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      Random random(RandomKey(static_cast<uint64_t>(t)));
      for (int i = 0; i < 300; ++i) {
        const int64_t index = random.integer(24);
        wrong += cache.get(index)->key != source.cases()[static_cast<size_t>(index)].key;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_LE(cache.bytes(), 5 * probe.bytes());
}

}  // namespace
}  // namespace larmor::datasets
