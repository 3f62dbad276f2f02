// Loops of imaging/ over slices or rows on threads of their own.
#pragma once
#include <cstdint>
#include <functional>

namespace larmor::imaging {

/// Calls body(0) … body(count-1) on `threads` threads (1: on the caller's). Bodies write to places of their own, so that the result
/// does not depend on the number of threads.
void for_each_index(int64_t count, int threads, const std::function<void(int64_t)>& body);

}  // namespace larmor::imaging
