#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "datasets/loader.h"
#include "tests/datasets/support.h"

namespace larmor::datasets {
namespace {

using testing::MemorySource;
using testing::message_of;

std::vector<int64_t> odd_cases(const Source& source) {
  std::vector<int64_t> indices;
  for (int64_t i = 1; i < static_cast<int64_t>(source.cases().size()); i += 2) indices.push_back(i);
  return indices;
}

TEST(EpochOrder, WithoutShuffleIsTheGivenOrder) {
  const MemorySource source;
  const std::vector<int64_t> order = epoch_order(source, odd_cases(source), {}, 5);
  for (size_t i = 0; i < order.size(); ++i) EXPECT_EQ(order[i], static_cast<int64_t>(i));
  EXPECT_EQ(order.size(), 12u);
}

TEST(EpochOrder, ShuffleDrawsEachCaseOnceInAnotherOrderEveryEpochAndSeed) {
  const MemorySource source;
  const auto order = [&](uint64_t seed, int64_t epoch) {
    return epoch_order(source, odd_cases(source), {.shuffle = true, .seed = seed}, epoch);
  };
  std::vector<int64_t> sorted = order(1, 0);
  std::sort(sorted.begin(), sorted.end());
  EXPECT_EQ(sorted, epoch_order(source, odd_cases(source), {}, 0));
  EXPECT_EQ(order(1, 0), order(1, 0));
  EXPECT_NE(order(1, 0), order(1, 1));
  EXPECT_NE(order(1, 0), order(2, 0));
}

TEST(EpochOrder, BalancedDrawsTheWantedShareOfPositives) {
  const MemorySource source({.subjects = 10, .slices = 9});  // a third is positive
  const std::vector<int64_t> indices = testing::all_indices(source);
  for (const double share : {0.1, 0.5, 0.75, 1.0}) {
    const LoaderOptions options{.sampling = "balanced", .positive_share = share, .seed = 3};
    const std::vector<int64_t> order = epoch_order(source, indices, options, 2);
    ASSERT_EQ(order.size(), indices.size());
    std::map<int64_t, int64_t> times;
    int64_t positive = 0;
    for (const int64_t position : order) {
      positive += source.cases()[static_cast<size_t>(position)].foreground > 0;
      ++times[position];
    }
    EXPECT_EQ(positive, std::llround(share * 90));
    // Nothing is drawn again before all of its kind have been drawn.
    std::map<bool, std::pair<int64_t, int64_t>> range;  // kind → fewest, most
    for (const auto& [position, n] : times) {
      auto& [low, high] = range.emplace(source.cases()[static_cast<size_t>(position)].foreground > 0, std::make_pair(n, n)).first->second;
      low = std::min(low, n);
      high = std::max(high, n);
    }
    for (const auto& [kind, counts] : range) EXPECT_LE(counts.second - counts.first, 1) << share;
  }
}

TEST(EpochOrderError, BalancedNeedsBothKinds) {
  const MemorySource source({.slices = 3});
  ErrorKind kind{};
  EXPECT_EQ(message_of(
                [&] {
                  epoch_order(source, {0, 1}, {.sampling = "balanced"}, 0);
                },
                &kind),
            "data.sampling: balanced needs cases with foreground, and there is none; use uniform");
  EXPECT_EQ(kind, ErrorKind::usage);
  EXPECT_EQ(message_of([&] {
              epoch_order(source, {2, 5}, {.sampling = "balanced"}, 0);
            }),
            "data.sampling: balanced needs cases without foreground, and there is none; use uniform");
}

TEST(EpochOrder, WeightedFollowsBudasRule) {
  // Subject with slices 1 … 6: areas 0 0 1 0 0 4; mean 5/6, sum 5.
  const MemorySource source({.subjects = 3, .slices = 6});
  const std::vector<int64_t> indices = testing::all_indices(source);
  const std::vector<double> areas{0, 0, 1, 0, 0, 4};
  std::vector<double> counts(indices.size());
  constexpr int64_t kEpochs = 4000;
  for (int64_t epoch = 0; epoch < kEpochs; ++epoch) {
    for (const int64_t position : epoch_order(source, indices, {.sampling = "weighted"}, epoch)) ++counts[static_cast<size_t>(position)];
  }
  const double draws = kEpochs * 18.0;
  for (size_t i = 0; i < counts.size(); ++i) {
    const double expected = (areas[i % 6] + 0.1 * 5 / 6) / (1.1 * 5) / 3;
    EXPECT_NEAR(counts[i] / draws, expected, 5 * std::sqrt(expected / draws)) << i;
  }
}

TEST(EpochOrder, WeightedDrawsEvenlyWhereASubjectHasNoForeground) {
  const MemorySource source({.subjects = 1, .slices = 2});
  std::set<int64_t> seen;
  for (int64_t epoch = 0; epoch < 20; ++epoch) {
    for (const int64_t position : epoch_order(source, {0, 1}, {.sampling = "weighted"}, epoch)) seen.insert(position);
  }
  EXPECT_EQ(seen, (std::set<int64_t>{0, 1}));
}

}  // namespace
}  // namespace larmor::datasets
