#include "optim/adagrad.h"

#include <gtest/gtest.h>

#include "tests/optim/support.h"

namespace larmor::optim {
namespace {

TEST(Adagrad, DividesByTheRootOfTheSum) {
  Single one("adagrad", "{eps: 0}", numbers({1}));
  one.step(numbers({3}), 0.1);
  EXPECT_NEAR(one.value().item<double>(), 0.9, 1e-12);
  one.step(numbers({4}), 0.1);
  EXPECT_NEAR(one.value().item<double>(), 0.9 - 0.1 * 4 / 5, 1e-12);
}

TEST(Adagrad, RateFallsWithTheSteps) {
  Single one("adagrad", "{eps: 0, lr_decay: 1}", numbers({1}));
  one.step(numbers({3}), 0.1);
  one.step(numbers({4}), 0.1);
  EXPECT_NEAR(one.value().item<double>(), 0.9 - 0.1 / 2 * 4 / 5, 1e-12);
}

}  // namespace
}  // namespace larmor::optim
