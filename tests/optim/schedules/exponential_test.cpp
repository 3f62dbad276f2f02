#include "optim/schedules/exponential.h"

#include <gtest/gtest.h>

#include "tests/optim/schedules/support.h"

namespace larmor::optim::schedules {
namespace {

TEST(Exponential, FallsGeometrically) { expect_factors("exponential", "{gamma: 0.5}", steps(9), {1, 0.5, 0.25, 0.125}); }

}  // namespace
}  // namespace larmor::optim::schedules
