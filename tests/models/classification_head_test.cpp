#include "models/classification_head.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"
#include "models/segmenter.h"
#include "tests/models/support.h"

namespace larmor::models {
namespace {

using testing::filled;
using testing::find_tensor;
using testing::max_abs;

TEST(ClassificationHead, ComputesItsDefinition) {
  const at::NoGradGuard no_grad;
  const at::Tensor map = filled("map", {2, 5, 4, 6});
  for (const std::string pooling : {"avg", "max"}) {
    ClassificationHead head({.in_channels = 5, .classes = 3, .pooling = pooling, .dropout = 0});
    testing::fill_weights(head);
    const at::Tensor found = head.forward(map);
    ASSERT_EQ(found.sizes().vec(), (std::vector<int64_t>{2, 3}));
    const at::Tensor weight = find_tensor(head.state_dict(), "3.weight"), bias = find_tensor(head.state_dict(), "3.bias");
    for (int64_t n = 0; n < 2; ++n) {
      for (int64_t k = 0; k < 3; ++k) {
        double sum = bias[k].item<double>();
        for (int64_t c = 0; c < 5; ++c) {
          const at::Tensor values = map[n][c];
          const double pooled = pooling == "max" ? values.max().item<double>() : values.mean().item<double>();
          sum += pooled * weight[k][c].item<double>();
        }
        EXPECT_NEAR(found[n][k].item<double>(), sum, 1e-6) << pooling;
      }
    }
  }
}

TEST(ClassificationHead, DropsSingleValuesInTrainingOnly) {
  const at::NoGradGuard no_grad;
  ClassificationHead head({.in_channels = 5, .classes = 3, .pooling = "avg", .dropout = 0.5});
  testing::fill_weights(head);
  const at::Tensor map = filled("map", {64, 5, 1, 1});
  head.eval();
  const at::Tensor whole = head.forward(map);
  EXPECT_TRUE(at::equal(head.forward(map), whole));
  head.train();
  EXPECT_FALSE(at::equal(head.forward(map), whole));
}

struct Architecture {
  const char* name;
  int64_t channels;  ///< of the deepest map that is run
};

TEST(ClassificationHead, IsAnOptionOfEveryEncoderDecoder) {
  for (const auto& [name, channels] : {Architecture{"linknet", 2048}, {"fpn", 2048}, {"pspnet", 512}, {"unet", 2048}}) {
    SCOPED_TRACE(name);
    const auto plain = testing::make_model(name), model = testing::make_model(name, {{"aux_classes", "4"}, {"classes", "2"}});
    const NamedTensors state = model->state_dict();
    ASSERT_EQ(state.size(), plain->state_dict().size() + 2);
    EXPECT_EQ(state[state.size() - 2].first, "classification_head.3.weight");
    EXPECT_EQ(state[state.size() - 2].second.sizes().vec(), (std::vector<int64_t>{4, channels}));
    EXPECT_EQ(state.back().first, "classification_head.3.bias");
    EXPECT_EQ(max_abs(state.back().second), 0);
    EXPECT_LE(max_abs(state[state.size() - 2].second), std::sqrt(6.0 / static_cast<double>(4 + channels)));
    EXPECT_EQ(model->info().label_classes, 4);
    EXPECT_EQ(plain->info().label_classes, 0);
    EXPECT_EQ(model->label_parameters().size(), 2u);
    EXPECT_EQ(model->used_parameters().size(), plain->used_parameters().size()) << "forward() does not run it";
  }
}

TEST(ClassificationHead, SegmentsAsWithoutIt) {
  const at::NoGradGuard no_grad;
  for (const char* name : {"linknet", "pspnet"}) {
    SCOPED_TRACE(name);
    const auto plain = testing::make_model(name), model = testing::make_model(name, {{"aux_classes", "3"}});
    for (const auto& network : {plain, model}) {
      testing::fill_weights(*network);
      network->eval();
    }
    const at::Tensor image = filled("image", {2, 3, 64, 32});
    const at::Tensor logits = plain->forward(image);
    EXPECT_TRUE(at::equal(model->forward(image), logits));
    const SegmenterOutput output = model->forward_with_labels(image);
    EXPECT_TRUE(at::equal(output.logits, logits));
    EXPECT_EQ(output.label_logits.sizes().vec(), (std::vector<int64_t>{2, 3}));
    const SegmenterOutput without = plain->forward_with_labels(image);
    EXPECT_TRUE(at::equal(without.logits, logits));
    EXPECT_FALSE(without.label_logits.defined());
    model->prepare_inference();
    const SegmenterOutput fast = model->forward_with_labels(image);
    EXPECT_LE(max_abs(fast.logits - logits), 1e-5 * max_abs(logits));
    EXPECT_LE(max_abs(fast.label_logits - output.label_logits), 1e-5 * max_abs(output.label_logits));
  }
}

TEST(ClassificationHead, BothAnswersTrainTheEncoder) {
  const auto model = testing::make_model("linknet", {{"aux_classes", "3"}, {"encoder_depth", "3"}, {"aux_dropout", "0"}});
  const SegmenterOutput output = model->forward_with_labels(filled("image", {2, 3, 32, 32}));
  at::square(output.label_logits).sum().backward();
  for (const auto& [name, parameter] : model->named_parameters()) {
    const bool is_run = name.starts_with("encoder.layer1.") || name.starts_with("classification_head.");
    if (is_run) {
      EXPECT_TRUE(parameter.grad().defined()) << name;
    }
    if (name.starts_with("decoder.")) {
      EXPECT_FALSE(parameter.grad().defined()) << name;
    }
  }
}

TEST(ClassificationHeadError, RefusesWrongOptions) {
  const auto message_for = [](const std::map<std::string, std::string>& options) -> std::string {
    try {
      testing::make_model("unet", options);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::usage);
      return error.what();
    }
    return "no error";
  };
  EXPECT_EQ(message_for({{"aux_classes", "-1"}}), "aux_classes: -1 is not allowed; must be in [0, 1000]");
  EXPECT_EQ(message_for({{"aux_pooling", "mean"}}), "aux_pooling: unknown value 'mean'; nearest: 'max'");
  EXPECT_EQ(message_for({{"aux_dropout", "1"}}), "aux_dropout: 1 is not allowed; must be in [0, 1)");
}

}  // namespace
}  // namespace larmor::models
