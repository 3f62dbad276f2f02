#include "optim/ranger_lessw.h"

#include <gtest/gtest.h>

#include "tests/optim/support.h"

namespace larmor::optim {
namespace {

at::Tensor walk(const std::string& options, const std::vector<int64_t>& shape, int steps = 9) {
  Single one("ranger_lessw", options, random_tensor("start", shape));
  for (int t = 1; t <= steps; ++t) one.step(random_tensor("gradient." + std::to_string(t), shape) + 0.5, 0.01);
  return one.value();
}

/// use_gc is never read in ranger.py of 2020.
TEST(RangerLessw, CentralisationCanReallyBeSwitchedOff) {
  EXPECT_FALSE(at::equal(walk("{gc: all}", {4, 3, 3, 3}), walk("{gc: off}", {4, 3, 3, 3})));
}

TEST(RangerLessw, KindsOfTensorsThatAreCentralised) {
  EXPECT_TRUE(at::equal(walk("{gc: all}", {6}), walk("{gc: off}", {6}))) << "vectors never";
  EXPECT_FALSE(at::equal(walk("{gc: all}", {6, 5}), walk("{gc: off}", {6, 5}))) << "matrices under all";
  EXPECT_TRUE(at::equal(walk("{gc: conv}", {6, 5}), walk("{gc: off}", {6, 5}))) << "but not under conv";
  EXPECT_TRUE(at::equal(walk("{gc: conv}", {6, 5, 3, 3}), walk("{gc: all}", {6, 5, 3, 3}))) << "filters under both";
}

TEST(RangerLessw, TheMeanOfACentralisedFilterStays) {
  const std::vector<int64_t> shape = {4, 5, 3, 3};
  const at::Tensor start = random_tensor("start", shape);
  Single one("ranger_lessw", "{gc: all}", start);
  for (int t = 1; t <= 5; ++t) one.step(random_tensor("gradient." + std::to_string(t), shape) + 3, 0.01);
  const std::vector<int64_t> inside = {1, 2, 3};
  EXPECT_LE(distance(one.value().mean(inside), start.mean(inside)), 1e-7) << "plain steps of a centralised gradient";
  EXPECT_GT(distance(one.value(), start), 1e-3);
}

TEST(RangerLessw, FormsDiffer) {
  const std::vector<int64_t> shape = {4, 3, 3, 3};
  const std::string decay = "weight_decay: 0.1";
  EXPECT_FALSE(at::equal(walk("{decay: weights, " + decay + "}", shape), walk("{decay: update, " + decay + "}", shape)));
  EXPECT_FALSE(at::equal(walk("{decay: update, centralise: gradient}", shape), walk("{decay: update, centralise: update}", shape)));
}

TEST(RangerLesswError, SaysWhatIsWrong) {
  EXPECT_EQ(message_of([] { make_optimizer("ranger_lessw", "{centralise: update}", {}); }),
            "test:1: centralise: update needs decay: update");
  EXPECT_EQ(message_of([] { make_optimizer("ranger_lessw", "{gc: true}", {}); }),
            "test:1: gc: unknown value 'true'; allowed: all, conv, off");
}

}  // namespace
}  // namespace larmor::optim
