#include "optim/elementwise.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace larmor::optim {
namespace {

/// Numbers of very different size, so that the order of a sum shows.
std::vector<float> values(size_t count) {
  std::vector<float> all(count);
  for (size_t i = 0; i < count; ++i)
    all[i] = static_cast<float>(std::sin(static_cast<double>(i) * 12.9898) * std::pow(10.0, static_cast<double>(i % 9) - 4));
  return all;
}

struct Result {
  std::vector<float> values;
  std::array<double, 2> sums;
  bool operator==(const Result&) const = default;
};

/// The loop that a rule would run, by hand on each vector unit.
template <class Run>
Result run_on(size_t count, const Run& run) {
  Result result{values(count), {}};
  float* const x = result.values.data();
  const auto update = [=](int64_t i) { x[i] = std::sqrt(std::abs(x[i])) / (x[i] * x[i] + 0.3F) - 0.7F * x[i]; };
  const auto terms = [=](int64_t i) { return std::array<float, 2>{x[i], x[i] * x[i]}; };
  run([&] {
    detail::element_loop(static_cast<int64_t>(count), streams(x), update);
    result.sums = detail::element_sum_loop<2>(static_cast<int64_t>(count), streams(x), terms);
  });
  return result;
}

TEST(Elementwise, EveryVectorUnitGivesTheSameBits) {
  for (const size_t count : {0, 1, 15, 16, 17, 100, 1000}) {
    const Result plain = run_on(count, [](const auto& loop) { loop(); });
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2")) {
      EXPECT_EQ(run_on(count, [](const auto& loop) { detail::run_avx2(loop); }), plain) << count;
    }
    if (__builtin_cpu_supports("avx512f")) {
      EXPECT_EQ(run_on(count, [](const auto& loop) { detail::run_avx512(loop); }), plain) << count;
    }
#endif
  }
}

TEST(Elementwise, VisitsEachElementOnce) {
  for (const int64_t count : {0, 1, 5, 16, 31, 64, 257}) {
    std::vector<float> visits(static_cast<size_t>(count), 0.0F);
    float* const visit = visits.data();
    for_each_element(count, streams(), [=](int64_t i) { visit[i] += 1; });
    EXPECT_EQ(visits, std::vector<float>(static_cast<size_t>(count), 1.0F));
  }
}

TEST(Elementwise, SumsInDouble) {
  // In float the ones would be lost beside 2^25.
  std::vector<float> numbers(1001, 1.0F);
  numbers[0] = 33554432.0F;
  const float* const x = numbers.data();
  const auto sums = sum_over_elements<1>(1001, streams(x), [=](int64_t i) { return std::array<float, 1>{x[i]}; });
  EXPECT_EQ(sums[0], 33554432.0 + 1000);
}

TEST(Elementwise, FindsTheWidestUnit) {
#if defined(__x86_64__)
  EXPECT_EQ(vector_unit() == VectorUnit::avx512, static_cast<bool>(__builtin_cpu_supports("avx512f")));
#else
  EXPECT_EQ(vector_unit(), VectorUnit::baseline);
#endif
}

}  // namespace
}  // namespace larmor::optim
