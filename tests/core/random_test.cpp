#include "core/random.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>
#include <thread>

namespace larmor {
namespace {

// The three known answers for philox4x32 with 10 rounds in the file kat_vectors of Random123.
TEST(Philox, KnownAnswers) {
  using Counter = std::array<uint32_t, 4>;
  EXPECT_EQ(philox4x32({0, 0, 0, 0}, {0, 0}), (Counter{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  constexpr uint32_t kOnes = 0xffffffff;
  EXPECT_EQ(philox4x32({kOnes, kOnes, kOnes, kOnes}, {kOnes, kOnes}), (Counter{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (Counter{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

std::vector<uint64_t> draw(const RandomKey& key, size_t count) {
  Random random(key);
  std::vector<uint64_t> numbers(count);
  for (uint64_t& number : numbers) number = random.next_u64();
  return numbers;
}

TEST(RandomKeys, EveryPartAndTheirOrderMatter) {
  const RandomKey base(7);
  const std::vector<uint64_t> values = {base.value(),
                                        RandomKey(8).value(),
                                        base.with(1).value(),
                                        base.with(2).value(),
                                        base.with(1).with(2).value(),
                                        base.with(2).with(1).value(),
                                        base.with("a").value(),
                                        base.with("b").value(),
                                        base.with("").value(),
                                        base.with("a").with("b").value(),
                                        base.with("ab").value(),
                                        base.with("b").with("a").value(),
                                        base.with(uint64_t{0}).value()};
  EXPECT_EQ(std::set<uint64_t>(values.begin(), values.end()).size(), values.size());
}

TEST(RandomKeys, ManyKeysDoNotCollide) {
  std::set<uint64_t> values;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    for (uint64_t epoch = 0; epoch < 100; ++epoch) {
      for (uint64_t sample = 0; sample < 50; ++sample) values.insert(RandomKey(seed).with("augment").with(epoch).with(sample).value());
    }
  }
  EXPECT_EQ(values.size(), 20u * 100u * 50u);
}

// A stored seed must give the same run with every later version.
TEST(RandomKeys, StreamsNeverChange) {
  const RandomKey key = RandomKey(1).with("augment").with(3);
  EXPECT_EQ(key.value(), 0x8b5c5215614ebeddu);
  Random random(key);
  EXPECT_EQ(random.next_u32(), 0xd8eb3fa8u);
  EXPECT_EQ(random.next_u64(), 0x197a67895d682de5u);
  EXPECT_EQ(random.uniform(), 0x1.1d93ad1fa487ap-2);
  EXPECT_EQ(random.integer(1000), 429);
}

RC_GTEST_PROP(RandomStream, DependsOnTheKeyNotOnThreadsOrOrder, (std::vector<uint64_t> seeds)) {
  std::vector<std::vector<uint64_t>> in_order, in_threads(seeds.size());
  for (const uint64_t seed : seeds) in_order.push_back(draw(RandomKey(seed), 9));
  std::vector<std::thread> threads;
  for (size_t t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      for (size_t i = seeds.size(); i-- > 0;) {
        if (i % 3 == t) in_threads[i] = draw(RandomKey(seeds[i]), 9);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  RC_ASSERT(in_threads == in_order);
}

RC_GTEST_PROP(RandomStream, NumbersStayInTheirRange, (uint64_t seed, double low, double width)) {
  RC_PRE(std::isfinite(low) && std::abs(low) < 1e100 && std::isfinite(width) && std::abs(width) < 1e100);
  const double high = low + std::abs(width);
  const auto count = *rc::gen::inRange<int64_t>(1, std::numeric_limits<int64_t>::max());
  Random random{RandomKey(seed)};
  for (int i = 0; i < 20; ++i) {
    const double unit = random.uniform();
    RC_ASSERT(unit >= 0 && unit < 1);
    const double value = random.uniform(low, high);
    RC_ASSERT(value >= low && (value < high || low == high));
    const int64_t integer = random.integer(count);
    RC_ASSERT(integer >= 0 && integer < count);
    RC_ASSERT(std::isfinite(random.normal()));
    RC_ASSERT(!random.chance(0));
    RC_ASSERT(random.chance(1));
  }
}

RC_GTEST_PROP(RandomStream, ShuffleKeepsEveryItem, (uint64_t seed, std::vector<int> items)) {
  std::vector<int> shuffled = items;
  Random(RandomKey(seed)).shuffle(shuffled);
  std::sort(items.begin(), items.end());
  std::sort(shuffled.begin(), shuffled.end());
  RC_ASSERT(items == shuffled);
}

// The draws are fixed by the key, so the bounds (about 5 standard errors) either hold for ever or never.
TEST(RandomStream, MomentsAreThoseOfTheDistribution) {
  constexpr int kDraws = 200'000;
  Random random(RandomKey(42));
  double uniform_sum = 0, uniform_squares = 0, normal_sum = 0, normal_squares = 0;
  int hits = 0;
  for (int i = 0; i < kDraws; ++i) {
    const double u = random.uniform();
    const double n = random.normal();
    uniform_sum += u, uniform_squares += u * u, normal_sum += n, normal_squares += n * n;
    hits += random.chance(0.3) ? 1 : 0;
  }
  EXPECT_NEAR(uniform_sum / kDraws, 0.5, 0.0033);
  EXPECT_NEAR(uniform_squares / kDraws, 1.0 / 3, 0.0034);
  EXPECT_NEAR(normal_sum / kDraws, 0, 0.0112);
  EXPECT_NEAR(normal_squares / kDraws, 1, 0.016);
  EXPECT_NEAR(static_cast<double>(hits) / kDraws, 0.3, 0.0052);
}

TEST(RandomStream, IntegersAndShufflesAreUniform) {
  constexpr int kDraws = 60'000;
  Random random(RandomKey(43));
  std::vector<int> counts(6), first(6);
  for (int i = 0; i < kDraws; ++i) {
    ++counts[static_cast<size_t>(random.integer(6))];
    std::vector<size_t> items(6);
    std::iota(items.begin(), items.end(), size_t{0});
    random.shuffle(items);
    ++first[items[0]];
  }
  for (size_t i = 0; i < 6; ++i) {
    EXPECT_NEAR(counts[i], kDraws / 6, 460);  // 5 standard deviations of a binomial with p = 1/6
    EXPECT_NEAR(first[i], kDraws / 6, 460);
  }
}

}  // namespace
}  // namespace larmor
