#include "models/loops.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <limits>

#include "tests/models/support.h"

namespace larmor::models {
namespace {

using testing::filled;
using testing::max_abs;

/// More pixels than one part of the work has, no multiple of it, and channels that no vector unit divides.
at::Tensor make_map(const std::string& key) { return filled(key, {3, 21, 34, 18}).contiguous(at::MemoryFormat::ChannelsLast); }

class Threads : public ::testing::TestWithParam<int> {
 protected:
  void SetUp() override {
    before_ = at::get_num_threads();
    at::set_num_threads(GetParam());
  }
  void TearDown() override { at::set_num_threads(before_); }

 private:
  int before_ = 1;
};

TEST_P(Threads, ChannelMeans) {
  const at::Tensor x = make_map("x");
  EXPECT_LE(max_abs(loops::channel_means(x) - x.to(at::kDouble).mean({2, 3})), 1e-6);
}

TEST_P(Threads, GateAddRelu) {
  at::Tensor x = make_map("x");
  const at::Tensor shortcut = make_map("shortcut"), gate = filled("gate", {3, 21});
  const at::Tensor expected = at::relu(x * gate.view({3, 21, 1, 1}) + shortcut);
  loops::gate_add_relu_in_place(x, gate, shortcut);
  EXPECT_TRUE(at::equal(x, expected));
}

TEST_P(Threads, MaxPool) {
  const at::Tensor x = make_map("x");
  EXPECT_TRUE(at::equal(loops::max_pool_3x3_stride_2(x), at::max_pool2d(x, 3, 2, 0, 1, /*ceil_mode=*/true)));
}

INSTANTIATE_TEST_SUITE_P(Loops, Threads, ::testing::Values(1, 2, 3));

TEST(Loops, NotANumberIsNotHidden) {
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  at::Tensor x = make_map("x").zero_();
  x[1][2][5][7] = kNan;
  const at::Tensor pooled = loops::max_pool_3x3_stride_2(x), expected = at::max_pool2d(x, 3, 2, 0, 1, true);
  EXPECT_TRUE(at::equal(pooled.isnan(), expected.isnan()));
  EXPECT_TRUE(loops::channel_means(x)[1][2].isnan().item<bool>());
  loops::gate_add_relu_in_place(x, at::ones({3, 21}), at::zeros_like(x));
  EXPECT_TRUE(x[1][2][5][7].isnan().item<bool>());
}

}  // namespace
}  // namespace larmor::models
