#include "core/thread_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

#include "tests/support/errors.h"

namespace larmor {
namespace {

TEST(ThreadPool, ForEachRunsEveryIndexOnceOnTheWorkers) {
  for (const size_t threads : {1, 2, 7}) {
    ThreadPool pool(threads);
    EXPECT_EQ(pool.threads(), threads);
    for (const size_t count : {0, 1, 2, 1000}) {
      std::vector<std::atomic<int>> runs(count);
      std::mutex mutex;
      std::set<std::thread::id> ids;
      pool.for_each(count, [&](size_t i) {
        ++runs[i];
        const std::lock_guard lock(mutex);
        ids.insert(std::this_thread::get_id());
      });
      for (const auto& run : runs) EXPECT_EQ(run, 1);
      EXPECT_LE(ids.size(), threads);
      EXPECT_FALSE(ids.contains(std::this_thread::get_id()));
    }
  }
}

TEST(ThreadPool, TasksOfOneWorkerRunInTheOrderGiven) {
  ThreadPool pool(1);
  std::vector<int> order;
  std::promise<void> ended;
  for (int i = 0; i < 100; ++i) pool.submit([&order, i] { order.push_back(i); });
  pool.submit([&] { ended.set_value(); });
  ended.get_future().wait();
  for (int i = 0; i < 100; ++i) EXPECT_EQ(order[static_cast<size_t>(i)], i);
}

TEST(ThreadPool, LoopsFromSeveralThreadsShareTheWorkers) {
  ThreadPool pool(2);
  std::atomic<int> sum{0};
  std::vector<std::thread> callers;
  for (int t = 0; t < 4; ++t) {
    callers.emplace_back([&] {
      for (int round = 0; round < 50; ++round) pool.for_each(10, [&](size_t) { ++sum; });
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(sum, 4 * 50 * 10);
}

TEST(ThreadPool, DestructionFinishesTheTaskInHandAndDropsTheRest) {
  std::atomic<int> finished{0};
  std::promise<void> started;
  {
    ThreadPool pool(1);
    pool.submit([&] {
      started.set_value();
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
      ++finished;
    });
    for (int i = 0; i < 100; ++i) pool.submit([&] { finished += 1000; });
    started.get_future().wait();
  }
  EXPECT_EQ(finished, 1);
}

TEST(ThreadPoolError, TheFirstByIndexIsRethrownAfterAllHaveRun) {
  ThreadPool pool(3);
  std::atomic<int> runs{0};
  const auto fail_at = [&](const std::set<size_t>& bad) {
    return testing::data_error([&] {
      pool.for_each(50, [&](size_t i) {
        ++runs;
        if (bad.contains(i)) throw_data_error("case " + std::to_string(i) + ": torn");
      });
    });
  };
  EXPECT_EQ(fail_at({7}), "case 7: torn");
  EXPECT_EQ(fail_at({49, 7, 30}), "case 7: torn (and 2 more)");
  EXPECT_EQ(runs, 100);
}

TEST(ThreadPoolError, OtherExceptionsKeepTheirType) {
  ThreadPool pool(2);
  const auto body = [](size_t i) {
    if (i > 2) throw std::out_of_range("x");
  };
  EXPECT_THROW(pool.for_each(9, body), std::out_of_range);
}

TEST(ThreadPool, ALoopInsideItsOwnTaskIsABug) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        ThreadPool pool(1);
        pool.for_each(1, [&](size_t) { pool.for_each(1, [](size_t) {}); });
      },
      "assertion failed");
}

}  // namespace
}  // namespace larmor
