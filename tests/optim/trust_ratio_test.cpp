#include "optim/trust_ratio.h"

#include <gtest/gtest.h>

#include "tests/optim/support.h"

namespace larmor::optim {
namespace {

TEST(TrustRatio, IsOneWhereANormIsZero) {
  EXPECT_EQ(trust_ratio(6, 3), 2);
  EXPECT_EQ(trust_ratio(0, 3), 1);
  EXPECT_EQ(trust_ratio(6, 0), 1);
  const auto of_tensors = [](double a, double b) { return trust_ratio(at::scalar_tensor(a), at::scalar_tensor(b)).item<double>(); };
  EXPECT_EQ(of_tensors(6, 3), 2);
  EXPECT_EQ(of_tensors(0, 3), 1);
  EXPECT_EQ(of_tensors(6, 0), 1);
}

TEST(TrustRatio, NormOfATensor) { EXPECT_EQ(norm_of(numbers({3, 4})).item<double>(), 5); }

TEST(TrustRatio, SubtractsTheScratch) {
  std::vector<float> weights = {1, 2, 3};
  std::vector<float> update = {1, 0, -1};
  Chunk chunk;
  chunk.count = 3;
  chunk.weights = weights.data();
  chunk.scratch = update.data();
  subtract_scratch(chunk, 0.5, 2);
  EXPECT_EQ(weights, (std::vector<float>{-1.5, 1, 3.5}));
}

}  // namespace
}  // namespace larmor::optim
