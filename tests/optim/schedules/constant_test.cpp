#include "optim/schedules/constant.h"

#include <gtest/gtest.h>

#include "tests/optim/schedules/support.h"

namespace larmor::optim::schedules {
namespace {

TEST(Constant, IsOne) { expect_factors("constant", "{}", steps(3), {1, 1, 1, 1}); }

TEST(Constant, TakesAWarmUp) { expect_factors("constant", "{warmup: 4}", steps(9), {0.25, 0.5, 0.75, 1, 1, 1}); }

}  // namespace
}  // namespace larmor::optim::schedules
