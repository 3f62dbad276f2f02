#include "models/unet.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "tests/models/model_contract.h"
#include "tests/models/support.h"
#include "tests/support/errors.h"

namespace larmor::models {
namespace {

TEST(Unet, HasOneStageForEachOfTheEncoders) {
  UnetOptions small;
  small.encoder_depth = 3;
  small.decoder_channels = {24, 16, 8};
  const auto model = make_unet(small, 0);
  EXPECT_EQ(model->info().stride, 8);
  EXPECT_EQ(testing::find_tensor(model->named_parameters(), "decoder.blocks.0.conv1.0.weight").sizes().vec(),
            (std::vector<int64_t>{24, 512 + 256, 3, 3}));
  EXPECT_EQ(testing::find_tensor(model->named_parameters(), "decoder.blocks.2.conv1.0.weight").sizes().vec(),
            (std::vector<int64_t>{8, 16, 3, 3}))
      << "the last stage has no encoder map";
  const at::NoGradGuard no_grad;
  EXPECT_EQ(model->forward(testing::filled("image", {2, 3, 8, 24})).sizes().vec(), (std::vector<int64_t>{2, 1, 8, 24}));
}

TEST(UnetError, RefusesWrongOptions) {
  const auto message = [](const testing::ModelOptions& options) {
    return larmor::testing::usage_error([&] { testing::make_model("unet", options); });
  };
  EXPECT_EQ(message({{"encoder_depth", "4"}}), "decoder_channels: 5 widths for encoder_depth 4; there must be one for each stage");
  EXPECT_EQ(message({{"interpolation", "cubic"}}), "interpolation: unknown value 'cubic'; nearest: 'bicubic'");
}

}  // namespace
}  // namespace larmor::models
