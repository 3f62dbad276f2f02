#include "core/interrupt.h"

#include <gtest/gtest.h>

#include <csignal>

namespace larmor {
namespace {

class Interrupt : public ::testing::TestWithParam<int> {
 protected:
  void SetUp() override {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    clear_interrupt();
    catch_interrupts();
  }
  void TearDown() override { clear_interrupt(); }
};

TEST_P(Interrupt, TheFirstSignalSetsTheFlag) {
  EXPECT_FALSE(interrupted());
  std::raise(GetParam());
  EXPECT_TRUE(interrupted());
  clear_interrupt();
  EXPECT_FALSE(interrupted());
}

/// Both signals are raised in a process of their own, whose stderr is compared.
TEST_P(Interrupt, TheFirstSignalIsAnsweredOnce) {
  EXPECT_EXIT(
      {
        catch_interrupts(kStopsAfterStep);
        std::raise(GetParam());
        std::raise(GetParam());
      },
      ::testing::KilledBySignal(GetParam()), "^stopping after this step; Ctrl-C again quits at once without saving\n$");
  EXPECT_EXIT(
      {
        std::raise(GetParam());
        std::raise(GetParam());
      },
      ::testing::KilledBySignal(GetParam()), "^stopping; Ctrl-C again quits at once\n$");
}

TEST_P(Interrupt, TheSecondSignalEndsTheProgram) {
  EXPECT_EXIT(
      {
        std::raise(SIGINT);
        std::raise(GetParam());
      },
      ::testing::KilledBySignal(GetParam()), "");
}

INSTANTIATE_TEST_SUITE_P(Signals, Interrupt, ::testing::Values(SIGINT, SIGTERM));

}  // namespace
}  // namespace larmor
