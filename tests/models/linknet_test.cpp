#include "models/linknet.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "tests/models/model_contract.h"
#include "tests/models/support.h"

namespace larmor::models {
namespace {

TEST(LinkNet, SmallerDepthsKeepTheContract) {
  for (const char* depth : {"3", "4"}) {
    SCOPED_TRACE(depth);
    const testing::ModelOptions options = {{"encoder_depth", depth}};
    const auto model = testing::make_model("linknet", options);
    EXPECT_EQ(model->info().stride, 1 << std::stoi(depth));
    EXPECT_FALSE(model->unused_parameters().empty()) << "deeper stages are stored but not run";
    testing::expect_gradients_reach_used_parameters("linknet", options);
    testing::expect_prepared_equals_plain("linknet", options);
    testing::expect_shape_errors("linknet", options);
  }
}

TEST(LinkNet, HasOneDecoderBlockForEachEncoderStage) {
  const auto model = testing::make_model("linknet", {{"encoder_depth", "3"}});
  const NamedTensors parameters = model->named_parameters();
  EXPECT_EQ(testing::find_tensor(parameters, "decoder.blocks.0.block.0.0.weight").sizes().vec(), (std::vector<int64_t>{128, 512, 1, 1}));
  EXPECT_EQ(testing::find_tensor(parameters, "decoder.blocks.2.block.2.0.weight").sizes().vec(), (std::vector<int64_t>{32, 16, 1, 1}));
  EXPECT_FALSE(testing::find_tensor(parameters, "decoder.blocks.3.block.0.0.weight").defined());
  EXPECT_TRUE(testing::find_tensor(parameters, "encoder.layer4.2.conv3.weight").defined());
}

std::string message_for(const std::map<std::string, std::string>& options) {
  try {
    testing::make_model("linknet", options);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::usage);
    return error.what();
  }
  return "no error";
}

TEST(LinkNetError, RefusesWrongOptions) {
  EXPECT_EQ(message_for({{"encoder", "se_resnext50"}}),
            "encoder: unknown encoder 'se_resnext50'; nearest: 'se_resnext50_32x4d' (larmor list encoders)");
  EXPECT_EQ(message_for({{"encoder_depth", "6"}}), "encoder_depth: 6 is not allowed; must be in [3, 5]");
  EXPECT_EQ(message_for({{"classes", "0"}}), "classes: 0 is not allowed; must be in [1, 255]");
  EXPECT_EQ(message_for({{"chanels", "3"}}), "chanels: unknown key; nearest: 'in_channels'");
}

}  // namespace
}  // namespace larmor::models
