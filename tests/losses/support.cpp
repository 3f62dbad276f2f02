#include "tests/losses/support.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <limits>

#include "tests/support/hash_fill.h"

namespace larmor::losses::testing {

namespace {

constexpr int64_t kIgnored = 255;
constexpr int64_t kClasses = 3;

const char* name_of(Target kind) { return kind == Target::binary ? "binary" : kind == Target::multi_label ? "multi-label" : "multi-class"; }

std::vector<int64_t> logit_shape(Target kind, int64_t height, int64_t width) {
  return {2, kind == Target::binary ? 1 : kClasses, height, width};
}

at::Tensor random_logits(Target kind, uint64_t seed, double scale, int64_t height = 3, int64_t width = 4) {
  const std::vector<int64_t> shape = logit_shape(kind, height, width);
  const std::vector<float> values = larmor::testing::hash_fill("logits", c10::multiply_integers(shape), seed, scale);
  return at::tensor(values, at::kDouble).reshape(shape);
}

at::Tensor random_target(Target kind, uint64_t seed, int64_t height = 3, int64_t width = 4) {
  std::vector<int64_t> shape = logit_shape(kind, height, width);
  if (kind == Target::multi_class) shape.erase(shape.begin() + 1);
  const std::vector<int64_t> labels =
      larmor::testing::hash_labels("target", c10::multiply_integers(shape), seed, kind == Target::multi_class ? kClasses : 2);
  const at::Tensor target = at::tensor(labels, at::kLong).reshape(shape);
  return kind == Target::multi_class ? target : target.to(at::kDouble);
}

double number(const at::Tensor& scalar) { return scalar.item<double>(); }

bool is_finite(const at::Tensor& tensor) { return at::isfinite(tensor).all().item<bool>(); }

void check_degenerate(const Loss& loss, Target kind) {
  const at::Tensor normal = random_target(kind, 1);
  const std::vector<std::pair<std::string, at::Tensor>> targets = {
      {"normal", normal},
      {"empty", at::zeros_like(normal)},
      {"full", at::full_like(normal, kind == Target::multi_class ? kClasses - 1 : 1)},
      {"first sample empty", normal * at::tensor({0, 1}, normal.options())
                                          .reshape(kind == Target::multi_class ? at::IntArrayRef{2, 1, 1} : at::IntArrayRef{2, 1, 1, 1})},
      {"all ignored", at::full_like(normal, kIgnored)},
  };
  const at::Tensor logits = random_logits(kind, 2, 1);
  const std::vector<std::pair<std::string, at::Tensor>> inputs = {
      {"normal", logits},
      {"zero", at::zeros_like(logits)},
      {"+-60", logits.sign() * 60},
      {"+-1e4", logits.sign() * 1e4},
      {"-1e4", at::full_like(logits, -1e4)},
      {"1e4", at::full_like(logits, 1e4)},
  };
  for (const auto& [target_name, target] : targets) {
    for (const auto& [input_name, input] : inputs) {
      for (const at::ScalarType dtype : {at::kFloat, at::kDouble}) {
        const auto [value, gradient] = differentiate(loss, input.to(dtype), target);
        const std::string what = std::string(name_of(kind)) + ", target " + target_name + ", logits " + input_name;
        EXPECT_TRUE(is_finite(value)) << what << ": " << value;
        EXPECT_TRUE(is_finite(gradient)) << what << ": " << gradient;
        if (target_name == "all ignored") {
          EXPECT_EQ(number(gradient.abs().max()), 0) << what;
        }
      }
    }
  }
}

/// A central difference would be wrong where a loss has a kink within the step, so the slope must lie between those to both sides.
void check_slope(const Loss& loss, const at::Tensor& logits, const at::Tensor& target, const at::Tensor& gradient, int64_t index) {
  constexpr double kStep = 1e-6, kTolerance = 2e-6;
  const auto value_at = [&](double step) {
    at::Tensor moved = logits.clone();
    moved.view(-1)[index] += step;
    return number(loss(moved, target));
  };
  const double here = value_at(0);
  const double above = (value_at(kStep) - here) / kStep, below = (here - value_at(-kStep)) / kStep;
  const double slope = gradient.flatten()[index].item<double>();
  const double slack = kTolerance * std::max(1.0, std::abs(slope));
  RC_ASSERT(slope >= std::min(above, below) - slack);
  RC_ASSERT(slope <= std::max(above, below) + slack);
}

void check_gradient(const Loss& loss, Target kind) {
  rc::check(std::string("gradient equals finite differences, ") + name_of(kind), [&] {
    const auto seed = *rc::gen::arbitrary<uint32_t>();
    const at::Tensor logits = random_logits(kind, seed, 3);
    const at::Tensor target = random_target(kind, seed);
    const at::Tensor gradient = differentiate(loss, logits, target).gradient;
    for (int64_t i = 0; i < 3; ++i) check_slope(loss, logits, target, gradient, (seed + 7 * i) % logits.numel());
  });
}

void check_ignored(const Loss& loss, Target kind) {
  const at::Tensor logits = random_logits(kind, 3, 3, 3, 6), target = random_target(kind, 3, 3, 6);
  at::Tensor holed = target.clone();
  holed.narrow(-1, 4, 2).fill_(kIgnored);
  at::Tensor wild = logits.clone();
  wild.narrow(-1, 4, 1).fill_(std::numeric_limits<double>::quiet_NaN());
  wild.narrow(-1, 5, 1).fill_(1e30);
  const auto [expected, expected_gradient] =
      differentiate(loss, logits.narrow(-1, 0, 4).contiguous(), target.narrow(-1, 0, 4).contiguous());
  const auto [value, gradient] = differentiate(loss, wild, holed);
  EXPECT_NEAR(number(value), number(expected), 1e-12) << name_of(kind);
  EXPECT_LT(number((gradient.narrow(-1, 0, 4) - expected_gradient).abs().max()), 1e-12) << name_of(kind);
  EXPECT_EQ(number(gradient.narrow(-1, 4, 2).abs().max()), 0) << name_of(kind);
}

void check_precision(const Loss& loss, Target kind) {
  const at::Tensor logits = random_logits(kind, 4, 3), target = random_target(kind, 4);
  EXPECT_EQ(loss(logits, target).scalar_type(), at::kDouble);
  EXPECT_EQ(loss(logits.to(at::kFloat), target).scalar_type(), at::kFloat);
  for (const at::ScalarType narrow : {at::kHalf, at::kBFloat16}) {
    const at::Tensor rounded = logits.to(narrow);
    const auto [value, gradient] = differentiate(loss, rounded, target);
    EXPECT_EQ(value.scalar_type(), at::kFloat);
    EXPECT_EQ(gradient.scalar_type(), narrow);
    EXPECT_EQ(number(value), number(loss(rounded.to(at::kFloat), target))) << name_of(kind);
  }
}

void check_volume(const Loss& loss, Target kind) {
  const at::Tensor logits = random_logits(kind, 5, 3, 4, 6), target = random_target(kind, 5, 4, 6);
  const auto as_volume = [](const at::Tensor& map) {
    std::vector<int64_t> shape(map.sizes().begin(), map.sizes().end() - 2);
    shape.insert(shape.end(), {2, 2, 6});
    return map.reshape(shape);
  };
  EXPECT_EQ(number(loss(as_volume(logits), as_volume(target))), number(loss(logits, target))) << name_of(kind);
}

}  // namespace

ValueAndGradient differentiate(const Loss& loss, const at::Tensor& logits, const at::Tensor& target) {
  const at::Tensor input = logits.detach().clone().requires_grad_(true);
  const at::Tensor value = loss(input, target);
  EXPECT_EQ(value.dim(), 0);
  value.backward();
  return {value.detach(), input.grad()};
}

void check_contract(const MakeLoss& make, const std::vector<Target>& kinds) {
  at::set_num_threads(1);  // the tensors are tiny, waking threads would take nearly all of the time
  const std::unique_ptr<Loss> loss = make(std::nullopt), ignoring = make(kIgnored);
  for (const Target kind : kinds) {
    check_degenerate(*ignoring, kind);
    check_gradient(*loss, kind);
    check_ignored(*ignoring, kind);
    check_precision(*loss, kind);
    check_volume(*loss, kind);
  }
}

at::Tensor row(const std::vector<double>& values) { return at::tensor(values, at::kDouble).reshape({1, 1, 1, -1}); }

at::Tensor logits_of(const std::vector<double>& probabilities) { return at::logit(row(probabilities)); }

std::string error_of(const std::function<void()>& function) {
  try {
    function();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace larmor::losses::testing
