// Loops over LibTorch's own OpenMP threads (library larmor::parallel, no torch header).
//
// ATen's parallel_for is serial in units compiled without -fopenmp, and a pool of ours would compete with LibTorch's threads, which
// spin for a while after each of their loops. So one unit here is compiled with -fopenmp and linked to the OpenMP runtime that
// LibTorch brings: the same threads do its work and ours.
#pragma once
#include <cstdint>
#include <functional>

namespace larmor {

/// Calls body(0) … body(count-1) on up to `threads` threads (at::get_num_threads() for LibTorch's number), the caller among them.
/// Indices are handed out in ascending order, one at a time, to whoever is free. Serial inside another parallel loop.
/// When bodies throw, the exception of the lowest index that threw is rethrown after the loop.
void parallel_for(int64_t count, int threads, const std::function<void(int64_t)>& body);

}  // namespace larmor
