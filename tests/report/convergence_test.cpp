#include "report/convergence.h"

#include <gtest/gtest.h>

#include <cmath>

namespace larmor::report {
namespace {

const std::vector<RunCurve> kRuns = {{{1, 10, 0.2}, {2, 20, 0.7}, {3, 30, 0.6}}, {{1, 12, 0.4}, {2, 24, 0.5}, {4, 50, 0.8}}, {}};

TEST(Convergence, TheFirstTimeAtALevel) {
  const Reached reached = when_reached(kRuns, 0.7);
  EXPECT_EQ(reached.level, 0.7);
  EXPECT_EQ(reached.runs, 2);
  EXPECT_EQ(reached.never, 1);
  EXPECT_EQ(reached.epochs, 3);
  EXPECT_EQ(reached.seconds, 35);
}

TEST(Convergence, ALevelThatNoneReaches) {
  const Reached reached = when_reached(kRuns, 0.9);
  EXPECT_EQ(reached.runs, 0);
  EXPECT_EQ(reached.never, 3);
  EXPECT_TRUE(std::isnan(reached.epochs));
  EXPECT_TRUE(std::isnan(reached.seconds));
  EXPECT_EQ(when_reached({}, 0.1).never, 0);
}

TEST(Convergence, TheBandHoldsEverySeed) {
  const BandSeries band = band_over_seeds("adam", kRuns);
  EXPECT_EQ(band.mean.name, "adam");
  EXPECT_EQ(band.mean.x, (std::vector<double>{1, 2, 3, 4}));
  EXPECT_DOUBLE_EQ(band.mean.y[0], 0.3);
  EXPECT_DOUBLE_EQ(band.mean.y[1], 0.6);
  EXPECT_EQ(band.low, (std::vector<double>{0.2, 0.5, 0.6, 0.8}));
  EXPECT_EQ(band.high, (std::vector<double>{0.4, 0.7, 0.6, 0.8}));
}

}  // namespace
}  // namespace larmor::report
