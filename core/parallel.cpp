#include "core/parallel.h"

#include <omp.h>

#include <atomic>
#include <exception>
#include <mutex>

namespace larmor {

namespace {

/// The failure with the lowest index.
class FirstFailure {
 public:
  void catch_from(int64_t index) {
    const std::lock_guard lock(mutex_);
    if (failure_ && index_ < index) return;
    failure_ = std::current_exception();
    index_ = index;
  }
  void rethrow_if_any() const {
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  std::mutex mutex_;
  std::exception_ptr failure_;
  int64_t index_ = 0;
};

}  // namespace

void parallel_for(int64_t count, int threads, const std::function<void(int64_t)>& body) {
  if (threads <= 1 || count <= 1 || omp_in_parallel()) {
    for (int64_t i = 0; i < count; ++i) body(i);
    return;
  }
  std::atomic<int64_t> next{0};
  FirstFailure failure;
  // Always the whole team: libgomp ends threads that a smaller one leaves over, and the next loop would have to start them again.
#pragma omp parallel num_threads(threads)
  {
    for (int64_t i = next.fetch_add(1); i < count; i = next.fetch_add(1)) {
      try {
        body(i);
      } catch (...) {
        failure.catch_from(i);
      }
    }
  }
  failure.rethrow_if_any();
}

}  // namespace larmor
