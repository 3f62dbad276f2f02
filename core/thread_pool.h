// A fixed set of threads that run tasks in the order given.
#pragma once
#include <cstddef>
#include <functional>
#include <memory>

namespace larmor {

class ThreadPool {
 public:
  /// `threads` ≥ 1 workers.
  explicit ThreadPool(size_t threads);
  ~ThreadPool();  ///< finishes the task in hand of each worker, drops the rest
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  size_t threads() const;
  /// Queues a task. Tasks must not throw (wrap them): an escaped exception ends the program.
  void submit(std::function<void()> task);
  /// Runs body(0) … body(count-1) on the workers and waits. Exceptions: the first by index is rethrown after all have ended;
  /// an Error tells "(and k more)". Never called from a task of the same pool, which would wait for itself (asserted).
  void for_each(size_t count, const std::function<void(size_t)>& body);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace larmor
