#include "optim/schedules/cosine.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/optim/schedules/support.h"

namespace larmor::optim::schedules {
namespace {

TEST(Cosine, IsHalfAWave) {
  expect_factors("cosine", "{}", steps(4), {1, (1 + std::sqrt(0.5)) / 2, 0.5, (1 - std::sqrt(0.5)) / 2, 0, 0});
  expect_factors("cosine", "{min: 0.5}", steps(2), {1, 0.75, 0.5});
}

TEST(Cosine, BeginsAnewAfterARestart) {
  expect_factors("cosine", "{restart: 2}", steps(9), {1, 0.5, 1, 0.5, 1});
  expect_factors("cosine", "{restart: 1, restart_mult: 2}", steps(9), {1, 1, 0.5, 1, (1 + std::sqrt(0.5)) / 2, 0.5});
}

TEST(Cosine, WarmUpTakesItsTimeFromTheWhole) { expect_factors("cosine", "{warmup: 2}", steps(4), {0.5, 1, 1, 0.5, 0}); }

}  // namespace
}  // namespace larmor::optim::schedules
