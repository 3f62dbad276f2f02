#include "models/fpn.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "tests/models/model_contract.h"
#include "tests/models/support.h"
#include "tests/support/errors.h"

namespace larmor::models {
namespace {

using testing::find_tensor;

TEST(Fpn, OtherDepthsAndPoliciesKeepTheContract) {
  const std::vector<testing::ModelOptions> table = {
      {{"encoder_depth", "3"}, {"upsampling", "1"}, {"segmentation_channels", "32"}},
      {{"encoder_depth", "4"}, {"upsampling", "2"}, {"merge_policy", "cat"}, {"interpolation", "bilinear"}},
  };
  for (const testing::ModelOptions& options : table) {
    SCOPED_TRACE(options.at("encoder_depth"));
    testing::expect_gradients_reach_used_parameters("fpn", options);
    testing::expect_prepared_equals_plain("fpn", options);
    testing::expect_shape_errors("fpn", options);
  }
}

TEST(Fpn, ThePyramidEndsInTheImageWhereThreeStagesAreRun) {
  const auto model = testing::make_model("fpn", {{"encoder_depth", "3"}, {"upsampling", "1"}, {"in_channels", "5"}});
  const NamedTensors parameters = model->named_parameters();
  EXPECT_EQ(find_tensor(parameters, "decoder.p5.weight").sizes().vec(), (std::vector<int64_t>{256, 512, 1, 1}));
  EXPECT_EQ(find_tensor(parameters, "decoder.p2.skip_conv.weight").sizes().vec(), (std::vector<int64_t>{256, 5, 1, 1}));
}

TEST(Fpn, DropoutIsOnInTrainingOnly) {
  const auto model = testing::make_model("fpn", {{"encoder_depth", "3"}, {"upsampling", "1"}});
  const at::Tensor image = testing::filled("image", {2, 3, 16, 16});
  const at::NoGradGuard no_grad;
  at::manual_seed(1);
  const at::Tensor one = model->forward(image), other = model->forward(image);
  at::manual_seed(1);
  EXPECT_FALSE(at::equal(one, other));
  EXPECT_TRUE(at::equal(one, model->forward(image))) << "the generator alone decides";
  model->eval();
  EXPECT_TRUE(at::equal(model->forward(image), model->forward(image)));
}

TEST(FpnError, RefusesWrongOptions) {
  const auto message = [](const testing::ModelOptions& options) {
    return larmor::testing::usage_error([&] { testing::make_model("fpn", options); });
  };
  EXPECT_EQ(message({{"encoder_depth", "4"}}), "upsampling: 4 gives logits of another size than the image; encoder_depth 4 needs 2");
  EXPECT_EQ(message({{"segmentation_channels", "100"}}),
            "segmentation_channels: 100 channels cannot be normalised in 32 groups; must be a multiple of 32");
  EXPECT_EQ(message({{"merge_policy", "sum"}}), "merge_policy: unknown value 'sum'; allowed: add, cat");
  EXPECT_EQ(message({{"dropout", "1"}}), "dropout: 1 is not allowed; must be in [0, 1)");
}

}  // namespace
}  // namespace larmor::models
