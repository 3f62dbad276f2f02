#include "optim/adam.h"

#include <gtest/gtest.h>

#include "tests/optim/support.h"

namespace larmor::optim {
namespace {

TEST(Adam, FirstStepIsTheRateInTheGradientsDirection) {
  Single one("adam", "{eps: 0}", numbers({1, -2, 3}));
  one.step(numbers({5, -0.01, 1e-6}), 0.1);
  EXPECT_LE(distance(one.value(), numbers({0.9, -1.9, 2.9})), 1e-12);
}

TEST(Adam, WeightDecayJoinsTheGradient) {
  Single with("adam", "{weight_decay: 0.5}", numbers({2, 4}));
  Single without("adam", "{}", numbers({2, 4}));
  with.step(numbers({1, 1}), 0.1);
  without.step(numbers({2, 3}), 0.1);
  EXPECT_LE(distance(with.value(), without.value()), 1e-15);
}

TEST(Adam, AmsgradNeverTakesLongerStepsThanItsLargestMomentAllows) {
  Single amsgrad("adam", "{amsgrad: true, betas: [0, 0.5]}", numbers({0}));
  Single plain("adam", "{betas: [0, 0.5]}", numbers({0}));
  for (const double gradient : {100.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0}) {
    amsgrad.step(numbers({gradient}), 0.1);
    plain.step(numbers({gradient}), 0.1);
  }
  EXPECT_GT(amsgrad.value().item<double>(), plain.value().item<double>());
}

TEST(AdamError, SaysWhatIsWrong) {
  EXPECT_EQ(message_of([] { make_optimizer("adam", "{betas: [1.2, 0.999]}", {}); }),
            "test:1: betas: entry 1: 1.2 is not allowed; must be in [0, 1)");
  EXPECT_EQ(message_of([] { make_optimizer("adam", "{betas: [0.9]}", {}); }), "test:1: betas: has 1 numbers; must have 2");
  EXPECT_EQ(message_of([] { make_optimizer("adam", "{eps: -1}", {}); }), "test:1: eps: -1 is not allowed; must be >= 0");
  EXPECT_EQ(message_of([] { make_optimizer("adam", "{amsgard: true}", {}); }), "test:1: amsgard: unknown key; nearest: 'amsgrad'");
}

}  // namespace
}  // namespace larmor::optim
