#include "optim/muon.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/optim/support.h"

namespace larmor::optim {
namespace {

/// Where one step with rate 1 goes from 0.
at::Tensor step_from_zero(const std::string& options, const at::Tensor& gradient) {
  Single one("muon", options, at::zeros_like(gradient));
  one.step(gradient, 1);
  return -one.value();
}

/// Rows or columns, whichever are fewer, become nearly orthonormal, whatever the gradient's size.
TEST(Muon, StepsAreNearlyOrthogonal) {
  for (const std::vector<int64_t>& shape : {std::vector<int64_t>{8, 20}, {20, 8}, {12, 12}}) {
    for (const double scale : {1e-4, 1.0, 1e4}) {
      const at::Tensor gradient = random_tensor("muon", shape) * scale;
      at::Tensor step = step_from_zero("{momentum: 0, nesterov: false}", gradient);
      EXPECT_GT((step * gradient).sum().item<double>(), 0) << "downhill";
      if (shape[0] > shape[1]) step = step.t() / std::sqrt(static_cast<double>(shape[0]) / static_cast<double>(shape[1]));
      const at::Tensor gram = step.mm(step.t());
      const at::Tensor diagonal = gram.diagonal();
      EXPECT_GT(diagonal.min().item<double>(), 0.3) << shape;
      EXPECT_LT(diagonal.max().item<double>(), 1.6) << shape;
    }
  }
}

TEST(Muon, FiltersAreRowsOfAMatrix) {
  const at::Tensor gradient = random_tensor("filters", {4, 3, 3, 3});
  const at::Tensor as_filters = step_from_zero("{}", gradient), as_matrix = step_from_zero("{}", gradient.reshape({4, 27}));
  EXPECT_TRUE(at::equal(as_filters.reshape({4, 27}), as_matrix));
}

struct Tensors {
  at::Tensor matrix = make_parameter(random_tensor("matrix", {4, 6}));
  at::Tensor head = make_parameter(random_tensor("head", {2, 6}));
  at::Tensor bias = make_parameter(random_tensor("bias", {4}));
  NamedTensors others() const { return {{"segmentation_head.0.weight", head}, {"bias", bias}}; }
  NamedTensors all() const { return {{"matrix", matrix}, {"segmentation_head.0.weight", head}, {"bias", bias}}; }
  void set_gradients(int64_t t) const {
    for (const auto& [name, tensor] : all()) set_gradient(tensor, tensor.detach() * static_cast<double>(t));
  }
};

TEST(Muon, HeadsAndVectorsAreAdamws) {
  const Tensors joined, apart;
  const auto muon = make_optimizer("muon", "{lr: 0.04, adamw_lr: 0.01, adamw_weight_decay: 0.1}", {{joined.all(), 1, {}}});
  const auto adamw = make_optimizer("adamw", "{lr: 0.01, betas: [0.9, 0.95], eps: 1e-10, weight_decay: 0.1}", {{apart.others(), 1, {}}});
  for (int64_t t = 1; t <= 4; ++t) {
    joined.set_gradients(t);
    apart.set_gradients(t);
    muon->step(0.04 * 0.5);
    adamw->step(0.01 * 0.5);
  }
  EXPECT_TRUE(at::equal(joined.head, apart.head));
  EXPECT_TRUE(at::equal(joined.bias, apart.bias));
  EXPECT_FALSE(at::equal(joined.matrix, apart.matrix));
}

TEST(Muon, NamesDecideWhatIsAdamws) {
  const Tensors tensors;
  const auto state = make_optimizer("muon", "{adamw_names: [mat*]}", {{tensors.all(), 1, {}}})->state();
  std::vector<std::string> names;
  for (const auto& [name, value] : state) names.push_back(name);
  EXPECT_EQ(names,
            (std::vector<std::string>{"momentum_buffer/segmentation_head.0.weight", "step/segmentation_head.0.weight", "exp_avg/matrix",
                                      "exp_avg_sq/matrix", "step/matrix", "exp_avg/bias", "exp_avg_sq/bias", "step/bias"}));
}

TEST(Muon, NormIsThatOfAllGradients) {
  const Tensors tensors;
  const auto optimizer = make_optimizer("muon", "{}", {{tensors.all(), 1, {}}});
  tensors.set_gradients(1);
  double sum = 0;
  for (const auto& [name, tensor] : tensors.all()) sum += at::square(tensor.grad().to(at::kDouble)).sum().item<double>();
  EXPECT_NEAR(optimizer->gradient_norm(), std::sqrt(sum), 1e-6);
}

TEST(Muon, RefusedStateChangesNothing) {
  const Tensors tensors;
  const auto optimizer = make_optimizer("muon", "{}", {{tensors.all(), 1, {}}});
  tensors.set_gradients(1);
  optimizer->step(0.02);
  const NamedTensors before = optimizer->state();
  NamedTensors wrong;
  for (const auto& [name, value] : before) wrong.emplace_back(name, value + 1);
  wrong.pop_back();
  EXPECT_THROW(optimizer->load_state(wrong, "checkpoint"), Error);
  const NamedTensors after = optimizer->state();
  for (size_t i = 0; i < before.size(); ++i) EXPECT_TRUE(at::equal(before[i].second, after[i].second)) << before[i].first;
}

TEST(MuonError, SaysWhatIsWrong) {
  EXPECT_EQ(message_of([] { make_optimizer("muon", "{adamw_betas: [0.9]}", {}); }), "test:1: adamw_betas: must have 2 numbers");
  EXPECT_EQ(message_of([] { make_optimizer("muon", "{newton_schulz_steps: 0}", {}); }),
            "test:1: newton_schulz_steps: 0 is not allowed; must be in [1, 20]");
}

}  // namespace
}  // namespace larmor::optim
