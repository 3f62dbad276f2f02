// Loops over the elements of equally long float arrays, compiled for several vector units and run with the widest one present.
//
//   for_each_element(count, streams(w, g), [=](int64_t i) { w[i] -= lr * g[i]; });
//
// A body reads and writes element i of its arrays and nothing else. Results do not depend on the vector unit: arithmetic is IEEE
// without contraction, and sums are taken in double over a fixed tree of 16 lanes.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>

namespace larmor::optim {

enum class VectorUnit { baseline, avx2, avx512 };

/// The widest unit of this machine.
VectorUnit vector_unit();

/// Elements that are worked on together.
inline constexpr int64_t kLanes = 16;
/// How far ahead of use memory is asked for, in elements (1 KiB): the hardware prefetcher stops at pages of 4 KiB, and an update
/// reads four streams or more.
inline constexpr int64_t kPrefetchDistance = 256;

namespace detail {

// Streams and body are taken by value: as locals they cannot alias the arrays, so what they hold stays in registers.

template <size_t Streams>
inline void prefetch(const std::array<const float*, Streams>& fetched, int64_t i) {
  for (const float* stream : fetched) __builtin_prefetch(stream + i + kPrefetchDistance, 1);
}

template <size_t Streams, class Body>
inline void element_loop(int64_t count, std::array<const float*, Streams> fetched, Body body) {
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    prefetch(fetched, i);
#if !defined(__clang__)
#pragma GCC ivdep
#endif
    for (int64_t lane = 0; lane < kLanes; ++lane) body(i + lane);
  }
  for (; i < count; ++i) body(i);
}

template <size_t Sums, size_t Streams, class Body>
inline std::array<double, Sums> element_sum_loop(int64_t count, std::array<const float*, Streams> fetched, Body body) {
  double lanes[Sums][kLanes] = {};
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    prefetch(fetched, i);
#if !defined(__clang__)
#pragma GCC ivdep
#endif
    for (int64_t lane = 0; lane < kLanes; ++lane) {
      const std::array<float, Sums> terms = body(i + lane);
      for (size_t k = 0; k < Sums; ++k) lanes[k][lane] += static_cast<double>(terms[k]);
    }
  }
  std::array<double, Sums> sums{};
  for (size_t k = 0; k < Sums; ++k) {
    for (int64_t lane = 0; lane < kLanes; ++lane) sums[k] += lanes[k][lane];
  }
  for (; i < count; ++i) {
    const std::array<float, Sums> terms = body(i);
    for (size_t k = 0; k < Sums; ++k) sums[k] += static_cast<double>(terms[k]);
  }
  return sums;
}

// `flatten` pulls loop and body into one function, so that the body is compiled for its vector unit.

#if defined(__x86_64__)
template <class Loop>
[[gnu::target("avx512f"), gnu::flatten]] auto run_avx512(const Loop& loop) {
  return loop();
}
template <class Loop>
[[gnu::target("avx2"), gnu::flatten]] auto run_avx2(const Loop& loop) {
  return loop();
}
#endif

template <class Loop>
auto run_vectorised(const Loop& loop) {
#if defined(__x86_64__)
  switch (vector_unit()) {
    case VectorUnit::avx512:
      return run_avx512(loop);
    case VectorUnit::avx2:
      return run_avx2(loop);
    case VectorUnit::baseline:
      break;
  }
#endif
  return loop();
}

}  // namespace detail

/// The arrays that a loop fetches ahead. None where the data was touched a moment ago: prefetching from caches costs time.
template <class... Arrays>
std::array<const float*, sizeof...(Arrays)> streams(Arrays... arrays) {
  return {arrays...};
}

/// body(i) for i = 0 … count-1.
template <size_t Streams, class Body>
void for_each_element(int64_t count, const std::array<const float*, Streams>& fetched, const Body& body) {
  detail::run_vectorised([&] { detail::element_loop(count, fetched, body); });
}

/// The same for a body that returns std::array<float, Sums>: the sum of each of its terms over all elements.
template <size_t Sums, size_t Streams, class Body>
std::array<double, Sums> sum_over_elements(int64_t count, const std::array<const float*, Streams>& fetched, const Body& body) {
  return detail::run_vectorised([&] { return detail::element_sum_loop<Sums>(count, fetched, body); });
}

}  // namespace larmor::optim
