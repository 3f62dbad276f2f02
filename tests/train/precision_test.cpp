#include "train/precision.h"

#include <ATen/ATen.h>
#include <ATen/autocast_mode.h>
#include <gtest/gtest.h>

#include <limits>

#include "core/error.h"
#include "tests/support/errors.h"

namespace larmor::train {
namespace {

/// An optimizer that has only a gradient norm.
class FakeOptimizer : public optim::Optimizer {
 public:
  void step(double) override {}
  void zero_grad() override {}
  void set_momentum(double) override {}
  double gradient_norm() override { return norm; }
  void scale_gradients(double factor) override { scaled *= factor; }
  void clamp_gradients(double) override {}
  NamedTensors state() const override { return {}; }
  void load_state(const NamedTensors&, const std::string&) override {}
  double default_lr() const override { return 1; }
  double norm = 1, scaled = 1;
};

TEST(Precision, Fp16NeedsCuda) {
  try {
    parse_precision("fp16", at::kCPU);
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "train.precision: fp16 needs --device cuda; on a CPU use float32 or bf16");
    EXPECT_EQ(error.kind(), ErrorKind::usage);
  }
}

TEST(Precision, AutocastEndsWithItsGuard) {
  const at::Tensor a = at::ones({4, 4}), b = at::ones({4, 4});
  {
    const AutocastGuard guard(Precision::bf16, at::kCPU);
    EXPECT_EQ(at::mm(a, b).scalar_type(), at::kBFloat16);
    const AutocastGuard inner(Precision::float32, at::kCPU);
    EXPECT_EQ(at::mm(a, b).scalar_type(), at::kBFloat16);
  }
  EXPECT_EQ(at::mm(a, b).scalar_type(), at::kFloat);
  EXPECT_FALSE(at::autocast::is_autocast_enabled(at::kCPU));
}

TEST(LossScaler, HalvesOnOverflowAndSkips) {
  LossScaler scaler(Precision::fp16);
  FakeOptimizer optimizer;
  const double before = scaler.factor();
  optimizer.norm = std::numeric_limits<double>::infinity();
  EXPECT_FALSE(scaler.unscale(optimizer));
  EXPECT_EQ(scaler.factor(), before / 2);
  EXPECT_EQ(optimizer.scaled, 1);
  optimizer.norm = 3;
  EXPECT_TRUE(scaler.unscale(optimizer));
  EXPECT_EQ(optimizer.scaled, 2 / before);
}

TEST(LossScaler, DoublesAfterTwoThousandGoodSteps) {
  LossScaler scaler(Precision::fp16);
  FakeOptimizer optimizer;
  const double before = scaler.factor();
  for (int i = 0; i < 1999; ++i) scaler.unscale(optimizer);
  EXPECT_EQ(scaler.factor(), before);
  scaler.unscale(optimizer);
  EXPECT_EQ(scaler.factor(), 2 * before);
}

TEST(LossScaler, StateRoundTrip) {
  LossScaler a(Precision::fp16), b(Precision::fp16);
  FakeOptimizer optimizer;
  for (int i = 0; i < 1990; ++i) a.unscale(optimizer);
  b.load_state(a.state());
  for (int i = 0; i < 10; ++i) b.unscale(optimizer);
  EXPECT_EQ(b.factor(), 2 * a.factor());
}

TEST(LossScalerError, StateOfAnotherPrecisionIsRefused) {
  LossScaler scaler(Precision::fp16);
  const double before = scaler.factor();
  for (const char* text : {"{}", "", "[1]", R"({"factor":"2","good_steps":1})", R"({"factor":2,"good_steps":0.5})"}) {
    EXPECT_EQ(testing::data_error([&] { scaler.load_state(text); }),
              "the loss scaler's state is damaged, or was saved with another train.precision");
    EXPECT_EQ(scaler.factor(), before);
  }
}

TEST(LossScaler, Float32IsLeftAlone) {
  LossScaler scaler(Precision::float32);
  EXPECT_EQ(scaler.factor(), 1);
  EXPECT_EQ(scaler.state(), "{}");
  EXPECT_EQ(scaler.scale(at::scalar_tensor(2.0)).item<double>(), 2);
}

}  // namespace
}  // namespace larmor::train
