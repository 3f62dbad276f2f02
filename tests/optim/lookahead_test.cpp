#include "optim/lookahead.h"

#include <c10/core/GradMode.h>
#include <gtest/gtest.h>

#include "tests/optim/support.h"

namespace larmor::optim {
namespace {

/// Values of a weight that starts at 0 and whose gradient is always -1, under sgd with rate 1: t without slow weights.
std::vector<double> walk(const std::string& options, int64_t steps) {
  Single one("lookahead", "{inner: sgd, " + options + "}", numbers({0}));
  std::vector<double> values;
  for (int64_t t = 1; t <= steps; ++t) {
    one.step(numbers({-1}), 1);
    values.push_back(one.value().item<double>());
  }
  return values;
}

TEST(Lookahead, LazyStartsAtTheFirstMeeting) {
  const std::vector<double> expected = {1, 2, 3, 4, 5, 4.5, 5.5, 6.5, 6};
  EXPECT_EQ(walk("k: 3, start: lazy", 9), expected) << "nothing at 3; at 6 half way from 3 to 6";
}

TEST(Lookahead, EagerStartsBeforeTheFirstUpdate) {
  const std::vector<double> expected = {1, 2, 1.5, 2.5, 3.5, 3};
  EXPECT_EQ(walk("k: 3, start: eager", 6), expected);
}

TEST(Lookahead, AlphaOneChangesNothingAndZeroGoesBack) {
  EXPECT_EQ(walk("k: 2, alpha: 1, start: eager", 4), (std::vector<double>{1, 2, 3, 4}));
  EXPECT_EQ(walk("k: 2, alpha: 0, start: eager", 4), (std::vector<double>{1, 0, 1, 0}));
}

/// Weights may be loaded after the optimizer is made.
TEST(Lookahead, EagerTakesTheWeightsOfTheFirstStep) {
  const at::Tensor weight = make_parameter(numbers({0}));
  const auto optimizer = make_optimizer("lookahead", "{inner: sgd, k: 1, start: eager}", {{{{"w", weight}}, 1, {}}});
  {
    const c10::NoGradGuard no_gradients;
    weight.copy_(numbers({10}));
  }
  set_gradient(weight, numbers({-2}));
  optimizer->step(1);
  EXPECT_EQ(weight.item<double>(), 11);
}

TEST(Lookahead, CountsUpdatesOfEachTensor) {
  const at::Tensor a = make_parameter(numbers({0}));
  const at::Tensor b = make_parameter(numbers({0}));
  const auto optimizer = make_optimizer("lookahead", "{inner: sgd, k: 2, start: eager}", {{{{"a", a}, {"b", b}}, 1, {}}});
  set_gradient(a, numbers({-1}));
  optimizer->step(1);
  set_gradient(a, numbers({-1}));
  set_gradient(b, numbers({-1}));
  optimizer->step(1);
  EXPECT_EQ(a.item<double>(), 1) << "met its slow weight";
  EXPECT_EQ(b.item<double>(), 1) << "has had one update";
}

TEST(Lookahead, SlowWeightsAreTheWeightsUntilTheyBegin) {
  Single one("lookahead", "{inner: sgd, k: 2}", numbers({0}));
  one.step(numbers({-1}), 1);
  ASSERT_EQ(one.optimizer().slow_weights().size(), 1U);
  EXPECT_EQ(one.optimizer().slow_weights()[0].first, "w");
  EXPECT_EQ(one.optimizer().slow_weights()[0].second.item<double>(), 1);
  for (int t = 0; t < 4; ++t) one.step(numbers({-1}), 1);
  EXPECT_EQ(one.value().item<double>(), 4);
  EXPECT_EQ(one.optimizer().slow_weights()[0].second.item<double>(), 3);
}

TEST(Lookahead, ResolvesTheOptionsInside) {
  Problems problems;
  const ConfigNode resolved =
      registry().at("lookahead").resolve(options_from("{inner: adamw, inner_options: {lr: 0.5}}"), problems, "optim.");
  EXPECT_TRUE(problems.empty());
  EXPECT_EQ(resolved.find_path("inner_options.lr")->scalar, "0.5");
  EXPECT_EQ(resolved.find_path("inner_options.weight_decay")->scalar, "0.01");
  EXPECT_EQ(make_optimizer("lookahead", "{inner: adamw, inner_options: {lr: 0.5}}", {})->default_lr(), 0.5);
}

TEST(LookaheadError, SaysWhatIsWrong) {
  EXPECT_EQ(message_of([] { make_optimizer("lookahead", "{inner: adamm}", {}); }),
            "test:1: inner: unknown optimizer 'adamm'; nearest: 'adam' (larmor list optimizers)");
  EXPECT_EQ(message_of([] { make_optimizer("lookahead", "{inner: ranger}", {}); }),
            "test:1: inner: 'ranger' has slow weights of its own; take one without");
  EXPECT_EQ(message_of([] { make_optimizer("lookahead", "{inner: sgd, inner_options: {lr: -1}}", {}); }),
            "test:1: inner: test:1: inner_options.lr: -1 is not allowed; must be >= 0");
  EXPECT_EQ(message_of([] { make_optimizer("lookahead", "{k: 0}", {}); }), "test:1: k: 0 is not allowed; must be >= 1");
}

}  // namespace
}  // namespace larmor::optim
