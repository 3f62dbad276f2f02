#include "optim/lars.h"

#include <gtest/gtest.h>

#include "tests/optim/support.h"

namespace larmor::optim {
namespace {

TEST(Lars, RateFollowsTheRatioOfNorms) {
  Single one("lars", "{always_adapt: true, trust_coefficient: 0.1, eps: 0}", numbers({3, 4}));
  one.step(numbers({0, 2}), 0.5);
  EXPECT_LE(distance(one.value(), numbers({3, 4 - 0.5 * 0.1 * (5.0 / 2) * 2})), 1e-12);
}

TEST(Lars, DecayStandsInBothPlaces) {
  Single one("lars", "{weight_decay: 0.2, trust_coefficient: 0.1, eps: 0}", numbers({3, 4}));
  one.step(numbers({0, 2}), 0.5);
  const double ratio = 0.1 * 5 / (2 + 0.2 * 5);
  EXPECT_LE(distance(one.value(), numbers({3 - 0.5 * ratio * 0.6, 4 - 0.5 * ratio * (2 + 0.8)})), 1e-12);
}

TEST(Lars, IsPlainDescentWhereItDoesNotAdapt) {
  Single one("lars", "{momentum: 0.9}", numbers({3, 4}));
  Single sgd("sgd", "{momentum: 0.9}", numbers({3, 4}));
  for (int t = 0; t < 4; ++t) {
    one.step(numbers({0.5, -2}), 0.1);
    sgd.step(numbers({0.5, -2}), 0.1);
  }
  EXPECT_LE(distance(one.value(), sgd.value()), 1e-15);
}

TEST(Lars, TrustClipLimitsTheWholeRate) {
  Single one("lars", "{always_adapt: true, trust_clip: true, trust_coefficient: 100}", numbers({3, 4}));
  one.step(numbers({0, 2}), 0.5);
  EXPECT_LE(distance(one.value(), numbers({3, 4 - 0.5 * 1 * 2})), 1e-12);
}

TEST(LarsError, SaysWhatIsWrong) {
  EXPECT_EQ(message_of([] { make_optimizer("lars", "{trust_coefficient: 0}", {}); }),
            "test:1: trust_coefficient: 0 is not allowed; must be > 0");
}

}  // namespace
}  // namespace larmor::optim
