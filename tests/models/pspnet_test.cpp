#include "models/pspnet.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "tests/models/model_contract.h"
#include "tests/models/support.h"
#include "tests/support/errors.h"

namespace larmor::models {
namespace {

using testing::find_tensor;

const testing::ModelOptions kPaper = {{"encoder_depth", "5"}, {"output_stride", "8"}};

TEST(PspNet, RunsThreeEncoderStagesAndStoresFive) {
  const auto model = testing::make_model("pspnet", {{"classes", "2"}});
  EXPECT_EQ(model->info().stride, 8);
  EXPECT_EQ(model->parameter_count(), 26308466);
  EXPECT_EQ(model->used_parameter_count(), 2368626);
  for (const std::string& name : model->unused_parameters()) {
    EXPECT_TRUE(name.starts_with("encoder.layer3.") || name.starts_with("encoder.layer4.")) << name;
  }
}

TEST(PspNet, ThePapersNetworkUsesEverythingAtStride8) {
  const auto model = testing::make_model("pspnet", kPaper);
  EXPECT_EQ(model->info().stride, 8);
  EXPECT_TRUE(model->unused_parameters().empty());
  testing::expect_gradients_reach_used_parameters("pspnet", kPaper);
  testing::expect_prepared_equals_plain("pspnet", kPaper);
  testing::expect_shape_errors("pspnet", kPaper);
}

TEST(PspNet, SmallestImageHasOnePixelInTheMap) {
  const auto model = testing::make_model("pspnet");
  model->eval();
  const at::NoGradGuard no_grad;
  const at::Tensor image = testing::filled("image", {1, 3, 8, 8}), plain = model->forward(image);
  EXPECT_EQ(plain.sizes().vec(), (std::vector<int64_t>{1, 1, 8, 8}));
  model->prepare_inference();
  EXPECT_LE(testing::max_abs(model->forward(image) - plain), 1e-5 * testing::max_abs(plain));
}

TEST(PspNet, TheMeanOfTheWholeImageHasABiasInsteadOfANorm) {
  const auto model = testing::make_model("pspnet");
  const NamedTensors state = model->state_dict();
  EXPECT_TRUE(find_tensor(state, "decoder.psp.blocks.0.pool.1.0.bias").defined());
  EXPECT_FALSE(find_tensor(state, "decoder.psp.blocks.0.pool.1.1.weight").defined());
  EXPECT_FALSE(find_tensor(state, "decoder.psp.blocks.1.pool.1.0.bias").defined());
  EXPECT_TRUE(find_tensor(state, "decoder.psp.blocks.1.pool.1.1.weight").defined());
}

TEST(PspNetError, RefusesWrongOptions) {
  const auto message = [](const testing::ModelOptions& options) {
    return larmor::testing::usage_error([&] { testing::make_model("pspnet", options); });
  };
  EXPECT_EQ(message({{"encoder_depth", "5"}}),
            "upsampling: 8 gives logits of another size than the image; encoder_depth 5 with output_stride 32 needs 32");
  EXPECT_EQ(message({{"output_stride", "12"}}), "output_stride: 12 is not allowed; must be 8, 16 or 32");
  EXPECT_EQ(message({{"psp_dropout", "-0.1"}}), "psp_dropout: -0.1 is not allowed; must be in [0, 1)");
}

}  // namespace
}  // namespace larmor::models
