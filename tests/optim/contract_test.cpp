// What every registered optimizer must keep to.
#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "tests/optim/support.h"

namespace larmor::optim {
namespace {

/// Options under which an optimizer shows all it has.
std::string telling_options(const std::string& name) {
  static const std::map<std::string, std::string> all = {
      {"sgd", "{lr: 0.05, momentum: 0.9, nesterov: true, weight_decay: 0.01}"},
      {"adam", "{lr: 0.01, weight_decay: 0.01, amsgrad: true}"},
      {"rmsprop", "{lr: 0.01, momentum: 0.9, centered: true, weight_decay: 0.01}"},
      {"adagrad", "{lr: 0.01, lr_decay: 0.1, weight_decay: 0.01}"},
      {"lookahead", "{inner: adam, inner_options: {lr: 0.01, weight_decay: 0.01}, k: 3}"},
      {"lars", "{lr: 1, momentum: 0.9, weight_decay: 0.01}"},
      {"sam", "{inner: adam, inner_options: {lr: 0.01, weight_decay: 0.01}, adaptive: true}"},
      {"schedulefree_adamw", "{lr: 0.01, weight_decay: 0.01, warmup_steps: 4}"},
  };
  const auto found = all.find(name);
  return found != all.end() ? found->second : "{lr: 0.01, weight_decay: 0.01}";
}

/// Of the fast path to the reference, relative to the largest weight. Muon's matrices are bfloat16 inside.
double tolerance(const std::string& name) { return name == "muon" ? 1e-4 : 1e-6; }

bool holds_another(const std::string& name) { return name == "lookahead" || name == "sam"; }

/// Random numbers, made once.
const at::Tensor& cached(const std::string& key, const std::vector<int64_t>& shape) {
  static std::map<std::string, at::Tensor> all;
  const auto [entry, is_new] = all.try_emplace(key);
  if (is_new) entry->second = random_tensor(key, shape);
  return entry->second;
}

/// Another gradient for every step.
at::Tensor gradient_at(const std::string& name, const at::Tensor& parameter, int64_t t) {
  const at::Tensor& base = cached("gradient." + name, parameter.sizes().vec());
  return (at::roll(base.reshape({-1}), {t}).view(parameter.sizes()) * (1 + 0.1 * static_cast<double>(t))).to(parameter.scalar_type());
}

/// Parameters of many shapes: filters, vectors, a number, one larger than several pieces, one with nothing in it.
struct Net {
  NamedTensors parameters;

  explicit Net(at::ScalarType type = at::kFloat) {
    add("conv.weight", {6, 5, 3, 3}, type);
    add("conv.bias", {6}, type);
    add("norm.weight", {7}, type);
    add("fc.weight", {300, 250}, type);
    add("odd", {17, 3}, type);
    add("scale", {}, type);
    add("none", {0, 4}, type);
  }

  void add(const std::string& name, const std::vector<int64_t>& shape, at::ScalarType type) {
    parameters.emplace_back(name, make_parameter(cached("start." + name, shape).to(type)));
  }

  std::vector<ParameterGroup> one_group() const { return {{parameters, 1, {}}}; }

  /// Gradients that depend on the step, not on the weights.
  void set_gradients(int64_t t) const {
    for (const auto& [name, parameter] : parameters) set_gradient(parameter, gradient_at(name, parameter, t));
  }

  at::Tensor weights() const {
    std::map<std::string, at::Tensor> sorted;
    for (const auto& [name, parameter] : parameters) sorted[name] = parameter.detach().reshape({-1}).to(at::kDouble);
    std::vector<at::Tensor> parts;
    for (const auto& [name, values] : sorted) parts.push_back(values);
    return at::cat(parts);
  }
};

void run(const Net& net, Optimizer& optimizer, int64_t first, int64_t last, double lr) {
  for (int64_t t = first; t <= last; ++t) {
    net.set_gradients(t);
    optimizer.step(lr * (1 - static_cast<double>(t) / 100));
  }
}

/// One thread, so that a busy machine does not slow the tests down; one test is about several.
class EveryOptimizer : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    threads_ = at::get_num_threads();
    at::set_num_threads(1);
  }
  void TearDown() override { at::set_num_threads(threads_); }
  std::unique_ptr<Optimizer> make(const std::vector<ParameterGroup>& groups) const {
    return make_optimizer(GetParam(), telling_options(GetParam()), groups);
  }

 private:
  int threads_ = 1;
};

TEST_P(EveryOptimizer, ResumesBitForBit) {
  constexpr int64_t kSteps = 13;
  for (const int64_t stop : {0, 1, 6, 8}) {
    const Net whole;
    const auto optimizer = make(whole.one_group());
    run(whole, *optimizer, 1, kSteps, 0.01);

    const Net first;
    const auto before = make(first.one_group());
    run(first, *before, 1, stop, 0.01);
    const NamedTensors saved = before->state();

    const Net second;
    const auto after = make(second.one_group());
    for (size_t i = 0; i < second.parameters.size(); ++i) {
      const c10::NoGradGuard no_gradients;
      second.parameters[i].second.copy_(first.parameters[i].second);
    }
    after->load_state(saved, "checkpoint");
    run(second, *after, stop + 1, kSteps, 0.01);
    EXPECT_TRUE(at::equal(second.weights(), whole.weights())) << "stopped after " << stop;

    const NamedTensors state = after->state();
    const NamedTensors expected = optimizer->state();
    ASSERT_EQ(state.size(), expected.size());
    for (size_t i = 0; i < state.size(); ++i) {
      EXPECT_EQ(state[i].first, expected[i].first);
      EXPECT_TRUE(at::equal(state[i].second, expected[i].second)) << state[i].first << ", stopped after " << stop;
    }
  }
}

TEST_P(EveryOptimizer, FastPathIsTheReference) {
  const Net fast;
  const Net exact(at::kDouble);
  const auto fast_optimizer = make(fast.one_group());
  const auto exact_optimizer = make(exact.one_group());
  for (int64_t t = 1; t <= 14; ++t) {
    fast.set_gradients(t);
    exact.set_gradients(t);
    fast_optimizer->step(0.01);
    exact_optimizer->step(0.01);
    const double scale = std::max(1.0, exact.weights().abs().max().item<double>());
    EXPECT_LE(distance(fast.weights(), exact.weights()), tolerance(GetParam()) * scale) << "step " << t;
  }
}

TEST_P(EveryOptimizer, DoesNotDependOnTheNumberOfThreads) {
  std::vector<at::Tensor> results;
  for (const int count : {1, 2, 3}) {
    at::set_num_threads(count);
    const Net net;
    const auto optimizer = make(net.one_group());
    run(net, *optimizer, 1, 8, 0.01);
    results.push_back(net.weights());
  }
  EXPECT_TRUE(at::equal(results[0], results[1]));
  EXPECT_TRUE(at::equal(results[0], results[2]));
}

TEST_P(EveryOptimizer, DoesNotDependOnTheOrderOfParameters) {
  const Net forwards;
  Net backwards;
  std::reverse(backwards.parameters.begin(), backwards.parameters.end());
  const auto a = make(forwards.one_group());
  const auto b = make(backwards.one_group());
  run(forwards, *a, 1, 8, 0.01);
  run(backwards, *b, 1, 8, 0.01);
  EXPECT_TRUE(at::equal(forwards.weights(), backwards.weights()));
}

TEST_P(EveryOptimizer, RateZeroLeavesTheWeights) {
  const Net net;
  const Net untouched;
  const auto optimizer = make(net.one_group());
  run(net, *optimizer, 1, 8, 0);
  EXPECT_TRUE(at::equal(net.weights(), untouched.weights()));
}

TEST_P(EveryOptimizer, LeavesTensorsWithoutGradientAlone) {
  const Net net;
  const Net untouched;
  const auto optimizer = make(net.one_group());
  for (int64_t t = 1; t <= 13; ++t) {
    optimizer->zero_grad();
    net.set_gradients(t);
    net.parameters[0].second.mutable_grad().reset();
    net.parameters[3].second.mutable_grad().reset();
    optimizer->step(0.01);
  }
  for (const size_t i : {size_t{0}, size_t{3}}) {
    EXPECT_TRUE(at::equal(net.parameters[i].second, untouched.parameters[i].second)) << net.parameters[i].first;
    EXPECT_FALSE(net.parameters[i].second.grad().defined());
  }
  EXPECT_FALSE(at::equal(net.parameters[1].second, untouched.parameters[1].second));
  for (const auto& [name, value] : optimizer->state()) {
    if (name == "step/conv.weight" || name == "step/fc.weight") {
      EXPECT_EQ(value.item<int64_t>(), 0) << name;
    }
    if (name == "step/odd") {
      EXPECT_EQ(value.item<int64_t>(), 13);
    }
  }
}

/// LAMB's limit of the norm of all gradients joins the groups on purpose; it is switched off here.
TEST_P(EveryOptimizer, TwoGroupsAreTwoOptimizers) {
  const std::string options = GetParam() == "lamb" ? "{lr: 0.01, weight_decay: 0.01, max_grad_norm: null}" : telling_options(GetParam());
  const Net joined;
  const Net apart;
  const auto half = [](const Net& net, size_t begin, size_t end, double factor, double decay) {
    const auto at = [&](size_t i) { return net.parameters.begin() + static_cast<std::ptrdiff_t>(i); };
    return ParameterGroup{NamedTensors(at(begin), at(end)), factor, decay};
  };
  const auto both = make_optimizer(GetParam(), options, {half(joined, 0, 3, 1, 0.02), half(joined, 3, 7, 0.1, 0)});
  const auto one = make_optimizer(GetParam(), options, {half(apart, 0, 3, 1, 0.02)});
  const auto other = make_optimizer(GetParam(), options, {half(apart, 3, 7, 1, 0)});
  for (int64_t t = 1; t <= 13; ++t) {
    joined.set_gradients(t);
    apart.set_gradients(t);
    both->step(0.01);
    one->step(0.01);
    other->step(0.01 * 0.1);
  }
  EXPECT_TRUE(at::equal(joined.weights(), apart.weights()));
}

/// Meetings with slow weights go back a little; all else goes down at every step.
TEST_P(EveryOptimizer, GoesDownOnABowlFromTheFirstStep) {
  const Net net;
  const auto optimizer = make(net.one_group());
  const bool has_slow_weights = !optimizer->slow_weights().empty();
  const auto loss = [&] { return at::square(net.weights()).sum().item<double>() / 2; };
  const double start = loss();
  double last = start;
  for (int64_t t = 1; t <= 8; ++t) {
    for (const auto& [name, parameter] : net.parameters) set_gradient(parameter, parameter.detach());
    optimizer->step(std::min(optimizer->default_lr(), 0.01));
    EXPECT_LT(loss(), has_slow_weights ? start : last) << "step " << t;
    last = loss();
  }
}

TEST_P(EveryOptimizer, TakesGradientsFromBackward) {
  const Net by_hand;
  const Net by_backward;
  const auto a = make(by_hand.one_group());
  const auto b = make(by_backward.one_group());
  for (int64_t t = 1; t <= 3; ++t) {
    by_hand.set_gradients(t);
    a->step(0.01);
    b->zero_grad();
    at::Tensor loss = at::zeros({});
    for (const auto& [name, parameter] : by_backward.parameters) {
      loss = loss + (parameter * gradient_at(name, parameter, t)).sum();
    }
    loss.backward();
    b->step(0.01);
  }
  EXPECT_TRUE(at::equal(by_hand.weights(), by_backward.weights()));
}

TEST_P(EveryOptimizer, RefusesStateThatIsNotItsOwn) {
  const Net net;
  const auto optimizer = make(net.one_group());
  run(net, *optimizer, 1, 3, 0.01);
  const NamedTensors before = optimizer->state();
  NamedTensors lacking = before;
  lacking.pop_back();
  NamedTensors unknown = before;
  unknown.emplace_back("taste/odd", at::zeros({17, 3}));
  NamedTensors of_another_shape = before;
  of_another_shape.front().second = at::zeros({2});
  for (const NamedTensors& wrong : {lacking, unknown, of_another_shape}) {
    EXPECT_THROW(optimizer->load_state(wrong, "checkpoint"), Error);
  }
  const NamedTensors after = optimizer->state();
  for (size_t i = 0; i < before.size(); ++i) EXPECT_TRUE(at::equal(before[i].second, after[i].second)) << before[i].first;
}

TEST_P(EveryOptimizer, WithoutParametersDoesNothing) {
  const auto optimizer = make({});
  optimizer->step(0.1);
  optimizer->zero_grad();
  EXPECT_EQ(optimizer->gradient_norm(), 0);
  EXPECT_TRUE(optimizer->state().empty());
  EXPECT_TRUE(optimizer->slow_weights().empty());
}

TEST_P(EveryOptimizer, RefusesUnknownOptions) {
  EXPECT_THROW(make_optimizer(GetParam(), "{learning_rate: 0.1}", {}), Error);
  if (!holds_another(GetParam())) {
    EXPECT_EQ(message_of([] { make_optimizer(GetParam(), "{lr: -1}", {}); }), "test:1: lr: -1 is not allowed; must be >= 0");
  }
}

/// Either it can be wrapped, or a message says why not.
TEST_P(EveryOptimizer, CanBeWrappedUnlessItHasSlowWeights) {
  static const std::map<std::string, std::string> refusals = {{"schedulefree_adamw", "averages its weights itself; take one that does not"},
                                                              {"muon", "is two optimizers; take a plain one"},
                                                              {"sam", "holds an optimizer itself; put lookahead inside it"}};
  const Net net;
  const bool has_slow_weights = !make(net.one_group())->slow_weights().empty();
  const std::string message = message_of(
      [&] { make_optimizer("lookahead", "{inner: " + GetParam() + ", inner_options: " + telling_options(GetParam()) + "}", {}); });
  const auto found = refusals.find(GetParam());
  std::string reason = found == refusals.end() ? "" : found->second;
  if (has_slow_weights) reason = "has slow weights of its own; take one without";
  EXPECT_EQ(message, reason.empty() ? "" : "test:1: inner: '" + GetParam() + "' " + reason);
}

/// Where there is another set of weights to evaluate, it starts as the weights and is no view of them.
TEST_P(EveryOptimizer, EvaluatesAllWeightsOrTheAverageOfAll) {
  const Net net;
  const auto optimizer = make(net.one_group());
  if (optimizer->evaluation_weights().empty()) return;
  for (const int64_t steps : {0, 3}) {
    run(net, *optimizer, 1, steps, 0.01);
    const NamedTensors evaluated = optimizer->evaluation_weights();
    ASSERT_EQ(evaluated.size(), net.parameters.size());
    for (size_t i = 0; i < evaluated.size(); ++i) {
      const auto& [name, value] = evaluated[i];
      EXPECT_EQ(name, net.parameters[i].first);
      EXPECT_EQ(value.sizes(), net.parameters[i].second.sizes());
      EXPECT_EQ(at::equal(value, net.parameters[i].second), steps == 0 || value.numel() == 0) << name;
      EXPECT_FALSE(value.requires_grad());
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Registered, EveryOptimizer, ::testing::ValuesIn(registry().names()), [](const auto& test) { return test.param; });

}  // namespace
}  // namespace larmor::optim
