#include "core/thread_pool.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <exception>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include "core/error.h"

namespace larmor {

struct ThreadPool::State {
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<std::function<void()>> tasks;
  bool is_ending = false;
  std::vector<std::thread> threads;

  /// The pool whose task runs on this thread.
  static thread_local const State* current;

  void work() {
    current = this;
    while (true) {
      std::function<void()> task;
      {
        std::unique_lock lock(mutex);
        changed.wait(lock, [&] { return is_ending || !tasks.empty(); });
        if (is_ending) return;
        task = std::move(tasks.front());
        tasks.pop_front();
      }
      task();
    }
  }
};

thread_local const ThreadPool::State* ThreadPool::State::current = nullptr;

namespace {

/// One for_each: indices are handed out in order, failures are kept by index.
struct Loop {
  const size_t count;
  const std::function<void(size_t)>& body;
  std::atomic<size_t> next{0};
  std::mutex mutex;
  std::condition_variable ended;
  size_t running;
  std::map<size_t, std::exception_ptr> failures;

  void run() {
    for (size_t index = next++; index < count; index = next++) {
      try {
        body(index);
      } catch (...) {
        const std::lock_guard lock(mutex);
        failures.emplace(index, std::current_exception());
      }
    }
    // Notified under the lock: the waiting thread may destroy this object as soon as it sees zero.
    const std::lock_guard lock(mutex);
    --running;
    ended.notify_one();
  }

  void wait() {
    std::unique_lock lock(mutex);
    ended.wait(lock, [&] { return running == 0; });
  }

  void rethrow_first() const {
    if (failures.empty()) return;
    const std::exception_ptr& first = failures.begin()->second;
    if (failures.size() == 1) std::rethrow_exception(first);
    try {
      std::rethrow_exception(first);
    } catch (const Error& error) {
      throw Error(error.kind(), fmt::format("{} (and {} more)", error.what(), failures.size() - 1));
    }
  }
};

}  // namespace

ThreadPool::ThreadPool(size_t threads) : state_(std::make_unique<State>()) {
  LARMOR_ASSERT(threads >= 1);
  for (size_t i = 0; i < threads; ++i) state_->threads.emplace_back([state = state_.get()] { state->work(); });
}

ThreadPool::~ThreadPool() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->is_ending = true;
  }
  state_->changed.notify_all();
  for (std::thread& thread : state_->threads) thread.join();
}

size_t ThreadPool::threads() const { return state_->threads.size(); }

void ThreadPool::submit(std::function<void()> task) {
  {
    const std::lock_guard lock(state_->mutex);
    state_->tasks.push_back(std::move(task));
  }
  state_->changed.notify_one();
}

void ThreadPool::for_each(size_t count, const std::function<void(size_t)>& body) {
  LARMOR_ASSERT(State::current != state_.get());
  if (count == 0) return;
  const size_t runners = std::min(count, threads());
  Loop loop{.count = count, .body = body, .running = runners};
  for (size_t i = 0; i < runners; ++i) submit([&loop] { loop.run(); });
  loop.wait();
  loop.rethrow_first();
}

}  // namespace larmor
