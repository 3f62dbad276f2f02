#include "imaging/threads.h"

#include <algorithm>

#include "core/thread_pool.h"

namespace larmor::imaging {

void for_each_index(int64_t count, int threads, const std::function<void(int64_t)>& body) {
  const int64_t used = std::min<int64_t>(threads, count);
  if (used <= 1) {
    for (int64_t i = 0; i < count; ++i) body(i);
    return;
  }
  ThreadPool pool(static_cast<size_t>(used));
  pool.for_each(static_cast<size_t>(count), [&](size_t i) { body(static_cast<int64_t>(i)); });
}

}  // namespace larmor::imaging
