#include "optim/schedules/flat_cosine.h"

#include <gtest/gtest.h>

#include "tests/optim/schedules/support.h"

namespace larmor::optim::schedules {
namespace {

TEST(FlatCosine, IsFlatThenFalls) { expect_factors("flat_cosine", "{flat: 0.5}", steps(4), {1, 1, 1, 0.5, 0, 0}); }

TEST(FlatCosineError, SaysWhatIsWrong) {
  EXPECT_EQ(mistake_in("flat_cosine", "{flat: 1}"), "test:1: flat: 1 is not allowed; must be in [0, 1)");
}

}  // namespace
}  // namespace larmor::optim::schedules
