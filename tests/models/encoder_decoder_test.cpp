#include "models/encoder_decoder.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "tests/models/support.h"

namespace larmor::models {
namespace {

TEST(EncoderDecoder, FreshNormsAreOneAndBiasesInFrontOfNothingAreZero) {
  const auto model = testing::make_model("linknet", {{"classes", "3"}});
  for (const auto& [name, tensor] : model->state_dict()) {
    const bool is_norm = testing::find_tensor(model->state_dict(), name.substr(0, name.rfind('.')) + ".running_mean").defined();
    if (!is_norm) continue;
    const bool is_one = name.ends_with(".weight") || name.ends_with("running_var");
    EXPECT_TRUE(at::equal(tensor, is_one ? at::ones_like(tensor) : at::zeros_like(tensor))) << name;
  }
  EXPECT_EQ(testing::max_abs(testing::find_tensor(model->state_dict(), "segmentation_head.0.bias")), 0);
}

TEST(EncoderDecoder, UnusedParametersCarryFullNames) {
  const auto model = testing::make_model("linknet", {{"encoder_depth", "4"}});
  for (const std::string& name : model->unused_parameters()) EXPECT_TRUE(name.starts_with("encoder.layer4.")) << name;
}

}  // namespace
}  // namespace larmor::models
