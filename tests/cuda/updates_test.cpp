#include "cuda/updates.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "tests/cuda/support.h"

namespace larmor::cuda {
namespace {

using testing::HostTensor;
using testing::StepOptions;

/// A tensor in double whose rules are written as in the papers: corrected moments, explicit branches.
struct PlainTensor {
  std::vector<double> w, m, v;

  explicit PlainTensor(const HostTensor& tensor)
      : w(tensor.weights.begin(), tensor.weights.end()),
        m(tensor.mean.begin(), tensor.mean.end()),
        v(tensor.mean_square.begin(), tensor.mean_square.end()) {}

  void moments(const std::vector<float>& gradient, const StepOptions& o) {
    for (size_t i = 0; i < w.size(); ++i) {
      const double g = gradient[i] + o.coupled_decay * w[i];
      m[i] = o.beta1 * m[i] + (1 - o.beta1) * g;
      v[i] = o.beta2 * v[i] + (1 - o.beta2) * g * g;
    }
  }

  void adam(const std::vector<float>& gradient, const StepOptions& o) {
    const double b1 = 1 - std::pow(o.beta1, o.step), b2 = 1 - std::pow(o.beta2, o.step);
    moments(gradient, o);
    for (size_t i = 0; i < w.size(); ++i) {
      w[i] *= 1 - o.lr * o.decoupled_decay;
      w[i] -= o.lr * (m[i] / b1) / (std::sqrt(v[i] / b2) + o.eps);
    }
  }

  /// lr r d of every element.
  std::vector<double> rectified_moves(const StepOptions& o) const {
    const double b1 = 1 - std::pow(o.beta1, o.step), b2 = 1 - std::pow(o.beta2, o.step);
    const double limit = 2 / (1 - o.beta2) - 1;
    const double rho = limit - 2 * static_cast<double>(o.step) * std::pow(o.beta2, o.step) / b2;
    std::vector<double> moves;
    for (size_t i = 0; i < w.size(); ++i) {
      const double r = std::sqrt(b2 * (rho - 4) * (rho - 2) * limit / ((limit - 4) * (limit - 2) * rho)) / b1;
      moves.push_back(rho >= 5 ? o.lr * r * m[i] / (std::sqrt(v[i]) + o.eps) : o.lr * m[i] / b1);
    }
    return moves;
  }

  void radam(const std::vector<float>& gradient, const StepOptions& o) {
    moments(gradient, o);
    const std::vector<double> moves = rectified_moves(o);
    for (size_t i = 0; i < w.size(); ++i) w[i] = w[i] * (1 - o.lr * o.decoupled_decay) - moves[i];
  }

  void ralamb(const std::vector<float>& gradient, const StepOptions& o, double largest_norm) {
    moments(gradient, o);
    const std::vector<double> moves = rectified_moves(o);
    double kept = 0, next = 0;
    for (size_t i = 0; i < w.size(); ++i) {
      w[i] *= 1 - o.lr * o.decoupled_decay;
      kept += w[i] * w[i];
      next += (w[i] - moves[i]) * (w[i] - moves[i]);
    }
    const double ratio = kept > 0 && next > 0 ? std::min(std::sqrt(kept), largest_norm) / std::sqrt(next) : 1;
    for (size_t i = 0; i < w.size(); ++i) w[i] -= ratio * moves[i];
  }
};

HostTensor fresh_tensor(const std::vector<float>& weights) {
  HostTensor tensor;
  tensor.weights = weights;
  tensor.gradient = tensor.mean = tensor.mean_square = tensor.slow = std::vector<float>(weights.size(), 0.0f);
  return tensor;
}

/// Thirteen steps on gradients that follow the weights; both sides see the same gradients.
template <class Fused, class Plain>
void expect_same_trajectory(StepOptions options, const Fused& fused, const Plain& plain) {
  HostTensor tensor = fresh_tensor({3, -4, 12, 0.5f, 0});
  PlainTensor expected(tensor);
  for (options.step = 1; options.step <= 13; ++options.step) {
    for (size_t i = 0; i < tensor.weights.size(); ++i) tensor.gradient[i] = tensor.weights[i] * (i % 2 ? 0.1f : 1.0f) - 0.25f;
    fused(tensor, options);
    plain(expected, tensor.gradient, options);
    for (size_t i = 0; i < tensor.weights.size(); ++i) {
      ASSERT_NEAR(tensor.weights[i], expected.w[i], 2e-6 * (1 + std::abs(expected.w[i]))) << "step " << options.step << " element " << i;
    }
  }
}

TEST(CudaUpdates, AdamIsTheTextbookRule) {
  for (const StepOptions& options :
       {StepOptions{}, StepOptions{.beta2 = 0.99, .eps = 1e-5}, StepOptions{.coupled_decay = 0.1}, StepOptions{.decoupled_decay = 0.1}}) {
    expect_same_trajectory(
        options,
        [](HostTensor& tensor, const StepOptions& o) {
          tensor.coefficients = testing::adam_coefficients(o);
          testing::moment_step(tensor.view());
        },
        [](PlainTensor& tensor, const std::vector<float>& gradient, const StepOptions& o) { tensor.adam(gradient, o); });
  }
}

TEST(CudaUpdates, RadamTakesBothBranches) {
  ASSERT_FALSE(testing::radam_coefficients({.step = 5}).is_adaptive);
  ASSERT_TRUE(testing::radam_coefficients({.step = 6}).is_adaptive);
  for (const StepOptions& options : {StepOptions{}, StepOptions{.coupled_decay = 0.1}, StepOptions{.decoupled_decay = 0.1}}) {
    expect_same_trajectory(
        options,
        [](HostTensor& tensor, const StepOptions& o) {
          tensor.coefficients = testing::radam_coefficients(o);
          testing::moment_step(tensor.view());
        },
        [](PlainTensor& tensor, const std::vector<float>& gradient, const StepOptions& o) { tensor.radam(gradient, o); });
  }
}

TEST(CudaUpdates, RalambClampsTheNorm) {
  for (const double largest_norm : {10.0, 1e6}) {
    for (const StepOptions& options : {StepOptions{}, StepOptions{.decoupled_decay = 0.1}}) {
      expect_same_trajectory(
          options,
          [=](HostTensor& tensor, const StepOptions& o) {
            tensor.coefficients = testing::radam_coefficients(o);
            testing::ralamb_step(tensor.view(), largest_norm);
          },
          [=](PlainTensor& tensor, const std::vector<float>& gradient, const StepOptions& o) { tensor.ralamb(gradient, o, largest_norm); });
    }
  }
}

TEST(CudaUpdates, RatioIsOneWhereANormIsZero) {
  EXPECT_EQ(ralamb_ratio(0, 4, 10), 1);
  EXPECT_EQ(ralamb_ratio(4, 0, 10), 1);
  EXPECT_EQ(ralamb_ratio(4, 16, 10), 0.5);
  EXPECT_EQ(ralamb_ratio(400, 4, 10), 5);
  EXPECT_EQ(ralamb_ratio(std::nan(""), 4, 10), 1);
}

RC_GTEST_PROP(CudaUpdates, SlowWeightsLieBetween, ()) {
  const float slow = static_cast<float>(*rc::gen::inRange(-1000, 1000)) / 64,
              weight = static_cast<float>(*rc::gen::inRange(-1000, 1000)) / 64;
  const float alpha = static_cast<float>(*rc::gen::inRange(0, 65)) / 64;
  const float next = slow_weight(slow, weight, alpha);
  RC_ASSERT(std::min(slow, weight) <= next && next <= std::max(slow, weight));
  RC_ASSERT(slow_weight(slow, weight, 0) == slow);
  RC_ASSERT(slow_weight(slow, weight, 1) == weight);
}

}  // namespace
}  // namespace larmor::cuda
