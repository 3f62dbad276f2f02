#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <iostream>

#include "core/error.h"
#include "models/weights/weights.h"
#include "tests/models/support.h"
#include "tests/support/golden.h"

namespace larmor::models {
namespace {

using testing::filled;
using testing::find_tensor;
using testing::max_abs;

TEST(FirstConvGolden, EveryChannelCount) {
  const std::filesystem::path file = larmor::testing::golden_file("smp_first_conv.safetensors");
  LARMOR_NEEDS(file, "smp_first_conv.safetensors");
  const NamedTensors tensors = load_tensors(file);
  const at::Tensor weight3 = find_tensor(tensors, "weight3");
  const nlohmann::json cases = testing::read_json(larmor::testing::golden_file("smp_first_conv.json")).at("cases");
  int run = 0;
  for (const auto& golden_case : cases) {
    const auto channels = golden_case.at("in_channels").get<int64_t>();
    SCOPED_TRACE(channels);
    EXPECT_LE(max_abs(adapt_first_convolution(weight3, channels, "smp") - find_tensor(tensors, "weight" + std::to_string(channels))), 1e-6);
    ++run;
  }
  std::cout << run << " cases run\n";
  EXPECT_GT(run, 0);
}

TEST(FirstConv, TheOldRule) {
  const at::Tensor weight3 = filled("first", {4, 3, 3, 3});
  EXPECT_TRUE(at::allclose(adapt_first_convolution(weight3, 1, "smp01"), weight3.sum(1, true)));
  EXPECT_TRUE(at::allclose(adapt_first_convolution(weight3, 2, "smp01"), weight3.slice(1, 0, 2) * 1.5));
  EXPECT_TRUE(at::equal(adapt_first_convolution(weight3, 3, "smp01"), weight3));
  EXPECT_FALSE(adapt_first_convolution(weight3, 4, "smp01").defined());
  EXPECT_FALSE(adapt_first_convolution(weight3, 9, "smp01").defined());
}

TEST(FirstConv, AnEqualImageInEveryChannelGivesTheSameAnswer) {
  const at::Tensor weight3 = filled("first", {4, 3, 3, 3}), grey = filled("grey", {1, 1, 8, 8});
  const at::Tensor expected = at::conv2d(grey.expand({1, 3, 8, 8}), weight3);
  for (const int64_t channels : {1, 3, 6, 9}) {
    const at::Tensor adapted = adapt_first_convolution(weight3, channels, "smp");
    EXPECT_LE(max_abs(at::conv2d(grey.expand({1, channels, 8, 8}), adapted) - expected), 1e-5) << channels;
  }
}

TEST(FirstConvError, UnknownRule) {
  try {
    adapt_first_convolution(at::zeros({4, 3, 3, 3}), 4, "smp1");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::usage);
    EXPECT_STREQ(error.what(), "unknown first_conv rule 'smp1'; nearest: 'smp' (smp or smp01)");
  }
}

}  // namespace
}  // namespace larmor::models
