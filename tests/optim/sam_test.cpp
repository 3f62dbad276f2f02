#include "optim/sam.h"

#include <gtest/gtest.h>

#include "tests/optim/support.h"

namespace larmor::optim {
namespace {

struct Pair {
  at::Tensor a = make_parameter(numbers({1, 2}));
  at::Tensor b = make_parameter(numbers({-3}));
  at::Tensor unused = make_parameter(numbers({7}));
  std::vector<ParameterGroup> groups() const { return {{{{"a", a}, {"b", b}, {"unused", unused}}, 1, {}}}; }
  void set_gradients() const {
    set_gradient(a, numbers({2, 0}));
    set_gradient(b, numbers({-1.5}));
  }
};

/// The norm of all gradients is 2.5.
TEST(Sam, GoesByRhoAgainstAllGradientsTogether) {
  const Pair pair;
  const auto optimizer = make_optimizer("sam", "{rho: 0.5}", pair.groups());
  EXPECT_TRUE(optimizer->needs_second_pass());
  pair.set_gradients();
  optimizer->perturb();
  EXPECT_LE(distance(pair.a, numbers({1 + 0.5 * 2 / 2.5, 2})), 1e-9);
  EXPECT_LE(distance(pair.b, numbers({-3 - 0.5 * 1.5 / 2.5})), 1e-9);
  EXPECT_EQ(pair.unused.item<double>(), 7);
  optimizer->retreat();
  EXPECT_TRUE(at::equal(pair.a, numbers({1, 2}))) << "exactly";
  EXPECT_TRUE(at::equal(pair.b, numbers({-3})));
}

/// || |w| g || = |(2, 0, 4.5)|; e = rho w^2 g / norm.
TEST(Sam, AdaptiveMeasuresRelativeToTheWeights) {
  const Pair pair;
  const auto optimizer = make_optimizer("sam", "{rho: 0.5, adaptive: true}", pair.groups());
  pair.set_gradients();
  optimizer->perturb();
  const double norm = std::hypot(2, 4.5);
  EXPECT_LE(distance(pair.a, numbers({1 + 0.5 * 2 / norm, 2})), 1e-9);
  EXPECT_LE(distance(pair.b, numbers({-3 - 0.5 * 9 * 1.5 / norm})), 1e-9);
}

TEST(Sam, StepsFromTheWeightsByTheSecondGradients) {
  const Pair pair, plain;
  const auto sam = make_optimizer("sam", "{inner: adam, rho: 0.5}", pair.groups());
  const auto adam = make_optimizer("adam", "{}", plain.groups());
  for (int t = 1; t <= 3; ++t) {
    pair.set_gradients();
    sam->perturb();
    sam->zero_grad();
    for (const Pair* one : {&pair, &plain}) {
      set_gradient(one->a, numbers({0.1 * t, 1}));
      set_gradient(one->b, numbers({2}));
    }
    sam->step(0.1);
    adam->step(0.1);
  }
  EXPECT_TRUE(at::equal(pair.a, plain.a));
  EXPECT_TRUE(at::equal(pair.b, plain.b));
}

TEST(Sam, WithoutGradientsStaysFinite) {
  const Pair pair;
  const auto optimizer = make_optimizer("sam", "{}", pair.groups());
  optimizer->perturb();
  set_gradient(pair.a, numbers({0, 0}));
  optimizer->perturb();
  EXPECT_TRUE(at::equal(pair.a, numbers({1, 2})));
}

TEST(Sam, ActsThroughTheOptimizerInside) {
  const Pair pair;
  const auto optimizer =
      make_optimizer("sam", "{inner: lookahead, inner_options: {inner: adamw, inner_options: {lr: 0.5}}}", pair.groups());
  EXPECT_EQ(optimizer->default_lr(), 0.5);
  EXPECT_EQ(optimizer->slow_weights().size(), 3U);
  EXPECT_EQ(make_optimizer("sam", "{inner: schedulefree_adamw}", pair.groups())->evaluation_weights().size(), 3U);
}

TEST(SamError, SaysWhatIsWrong) {
  EXPECT_EQ(message_of([] { make_optimizer("sam", "{inner: sam}", {}); }),
            "test:1: inner: 'sam' inside itself would take its gradients in vain; take another");
  EXPECT_EQ(message_of([] { make_optimizer("sam", "{inner: adamm}", {}); }),
            "test:1: inner: unknown optimizer 'adamm'; nearest: 'adam' (larmor list optimizers)");
  EXPECT_EQ(message_of([] { make_optimizer("sam", "{rho: -1}", {}); }), "test:1: rho: -1 is not allowed; must be >= 0");
}

}  // namespace
}  // namespace larmor::optim
