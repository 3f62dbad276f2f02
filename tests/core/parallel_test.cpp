#include "core/parallel.h"

#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace larmor {
namespace {

TEST(ParallelFor, RunsEachIndexOnce) {
  for (const int threads : {1, 2, 5}) {
    for (const int64_t count : {0, 1, 2, 7, 1000}) {
      std::vector<std::atomic<int>> visits(static_cast<size_t>(count));
      parallel_for(count, threads, [&](int64_t i) { ++visits[static_cast<size_t>(i)]; });
      for (const auto& visit : visits) EXPECT_EQ(visit, 1) << threads << " threads, " << count;
    }
  }
}

TEST(ParallelFor, UsesSeveralThreadsAtTheSameTime) {
  // Neither index can end before the other has begun.
  std::atomic<int> begun{0};
  parallel_for(2, 2, [&](int64_t) {
    ++begun;
    while (begun < 2) std::this_thread::yield();
  });
  EXPECT_EQ(begun, 2);
}

TEST(ParallelFor, IsSerialInsideAnotherLoop) {
  std::atomic<int> other_thread{0};
  parallel_for(4, 2, [&](int64_t) {
    const auto outer = std::this_thread::get_id();
    parallel_for(8, 2, [&](int64_t) { other_thread += std::this_thread::get_id() != outer; });
  });
  EXPECT_EQ(other_thread, 0);
}

TEST(ParallelFor, RethrowsTheFailureOfTheLowestIndex) {
  for (const int threads : {1, 2}) {
    try {
      parallel_for(100, threads, [](int64_t i) {
        if (i % 10 == 7) throw std::runtime_error(std::to_string(i));
      });
      FAIL() << "nothing thrown";
    } catch (const std::runtime_error& failure) {
      EXPECT_STREQ(failure.what(), "7") << threads << " threads";
    }
  }
}

}  // namespace
}  // namespace larmor
