#include "optim/flat_optimizer.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/optim/support.h"

namespace larmor::optim {
namespace {

TEST(FlatOptimizer, NormOfGradientsTakesOnlyThoseThatAreThere) {
  const at::Tensor a = make_parameter(at::zeros({2}));
  const at::Tensor b = make_parameter(at::zeros({3}));
  const at::Tensor c = make_parameter(at::zeros({3}));
  const auto optimizer = make_optimizer("sgd", "{}", {{{{"a", a}, {"b", b}}, 1, {}}, {{{"c", c}}, 1, {}}});
  EXPECT_EQ(optimizer->gradient_norm(), 0);
  set_gradient(a, at::full({2}, 2.0F));
  set_gradient(c, at::full({3}, 4.0F));
  EXPECT_DOUBLE_EQ(optimizer->gradient_norm(), std::sqrt(2 * 4.0 + 3 * 16.0));
  optimizer->zero_grad();
  EXPECT_EQ(optimizer->gradient_norm(), 0);
}

TEST(FlatOptimizer, NormOfALargeGradientIsExact) {
  const at::Tensor a = make_parameter(at::zeros({300000}));
  const auto optimizer = make_optimizer("sgd", "{}", {{{{"a", a}}, 1, {}}});
  set_gradient(a, random_tensor("gradient", {300000}));
  EXPECT_NEAR(optimizer->gradient_norm(), a.grad().to(at::kDouble).norm().item<double>(), 1e-5);
}

TEST(FlatOptimizer, ScalesAndClampsGradients) {
  const at::Tensor a = make_parameter(numbers({0, 0, 0}));
  const auto optimizer = make_optimizer("sgd", "{}", {{{{"a", a}}, 1, {}}});
  set_gradient(a, numbers({1, -2, 3}));
  optimizer->scale_gradients(2);
  EXPECT_TRUE(at::equal(a.grad(), numbers({2, -4, 6})));
  optimizer->clamp_gradients(3);
  EXPECT_TRUE(at::equal(a.grad(), numbers({2, -3, 3})));
}

TEST(FlatOptimizer, GroupsHaveTheirOwnRateAndDecay) {
  const at::Tensor a = make_parameter(numbers({1}));
  const at::Tensor b = make_parameter(numbers({1}));
  const at::Tensor c = make_parameter(numbers({1}));
  const auto optimizer = make_optimizer("sgd", "{weight_decay: 0.1}", {{{{"a", a}}, 1, {}}, {{{"b", b}}, 0.5, {}}, {{{"c", c}}, 1, 0.0}});
  for (const at::Tensor& parameter : {a, b, c}) set_gradient(parameter, numbers({1}));
  optimizer->step(0.1);
  EXPECT_DOUBLE_EQ(a.item<double>(), 1 - 0.1 * 1.1);
  EXPECT_DOUBLE_EQ(b.item<double>(), 1 - 0.05 * 1.1);
  EXPECT_DOUBLE_EQ(c.item<double>(), 1 - 0.1);
}

TEST(FlatOptimizer, LayoutInMemoryDoesNotMatter) {
  for (const std::string name : {"adam", "ranger_lessw", "ralamb"}) {
    const at::Tensor start = random_tensor("start", {4, 3, 5, 5});
    Single plain(name, "{}", start);
    Single channels_last(name, "{}", start.contiguous(at::MemoryFormat::ChannelsLast));
    for (int t = 1; t <= 8; ++t) {
      const at::Tensor gradient = random_tensor("gradient." + std::to_string(t), {4, 3, 5, 5});
      plain.step(gradient, 0.01);
      channels_last.step(gradient, 0.01);
    }
    EXPECT_LE(distance(plain.value(), channels_last.value()), 1e-6) << name;
    const NamedTensors a = plain.optimizer().state();
    const NamedTensors b = channels_last.optimizer().state();
    for (size_t i = 0; i < a.size(); ++i) EXPECT_LE(distance(a[i].second, b[i].second), 1e-6) << a[i].first;
  }
}

TEST(FlatOptimizer, StateIsACopy) {
  Single one("adam", "{}", random_tensor("start", {3}));
  one.step(random_tensor("gradient", {3}), 0.1);
  const NamedTensors saved = one.optimizer().state();
  const at::Tensor before = saved[0].second.clone();
  one.step(random_tensor("gradient", {3}), 0.1);
  EXPECT_TRUE(at::equal(saved[0].second, before));
}

TEST(FlatOptimizer, GradientsAddUpOverSeveralBackwardPasses) {
  const at::Tensor a = make_parameter(numbers({1, 1}));
  const auto optimizer = make_optimizer("sgd", "{}", {{{{"a", a}}, 1, {}}});
  (a * numbers({1, 2})).sum().backward();
  (a * numbers({10, 20})).sum().backward();
  optimizer->step(0.1);
  EXPECT_LE(distance(a.detach(), numbers({1 - 1.1, 1 - 2.2})), 1e-15);
}

TEST(FlatOptimizerError, RefusesANegativeStepCount) {
  Single one("sgd", "{}", numbers({1}));
  EXPECT_EQ(message_of([&] {
              one.optimizer().load_state({{"step/w", at::full({}, -1, at::kLong)}}, "last.safetensors");
            }),
            "last.safetensors: optimizer: 'step/w' is -1, must be >= 0");
}

TEST(OptimizerRegistryError, NamesTheNearest) {
  EXPECT_EQ(message_of([] { registry().at("ranglars"); }), "unknown optimizer 'ranglars'; nearest: 'rangerlars' (larmor list optimizers)");
}

}  // namespace
}  // namespace larmor::optim
