#include "optim/device_kernels.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/optim/support.h"

namespace larmor::optim {
namespace {

/// The interface in plain loops over CPU memory; counts its calls.
class LoopKernels : public DeviceKernels {
 public:
  bool serves(c10::Device device) const override { return device.is_cpu(); }

  void step(std::span<const DeviceTensor> tensors, double largest_norm) override {
    ++steps;
    for (const DeviceTensor& t : tensors) step_one(t, largest_norm);
  }

  void synchronise(std::span<const DeviceTensor> tensors, double alpha) override {
    ++synchronisations;
    for (const DeviceTensor& t : tensors) {
      for (int64_t i = 0; i < t.count; ++i) t.slow[i] = t.weights[i] = static_cast<float>(t.slow[i] + alpha * (t.weights[i] - t.slow[i]));
    }
  }

  std::vector<double> gradient_squares(std::span<const DeviceTensor> tensors) override {
    ++norms;
    std::vector<double> sums;
    for (const DeviceTensor& t : tensors) {
      sums.push_back(0);
      for (int64_t i = 0; i < t.count; ++i) sums.back() += double{t.gradient[i]} * double{t.gradient[i]};
    }
    return sums;
  }

  void scale_gradients(std::span<const DeviceTensor> tensors, double factor) override {
    ++scalings;
    for (const DeviceTensor& t : tensors) {
      for (int64_t i = 0; i < t.count; ++i) t.gradient[i] = static_cast<float>(t.gradient[i] * factor);
    }
  }

  int steps = 0, synchronisations = 0, norms = 0, scalings = 0;

 private:
  static void step_one(const DeviceTensor& t, double largest_norm) {
    const DeviceCoefficients& c = t.coefficients;
    std::vector<double> direction(static_cast<size_t>(t.count));
    double kept = 0, next = 0;
    for (int64_t i = 0; i < t.count; ++i) {
      const double g = t.gradient[i] + c.added * t.weights[i];
      t.mean[i] = static_cast<float>(c.beta1 * t.mean[i] + (1 - c.beta1) * g);
      t.mean_square[i] = static_cast<float>(c.beta2 * t.mean_square[i] + (1 - c.beta2) * g * g);
      double& d = direction[static_cast<size_t>(i)];
      d = c.is_adaptive ? t.mean[i] / (std::sqrt(t.mean_square[i]) / c.root + c.eps) : t.mean[i];
      const double left = t.weights[i] - c.decay * t.weights[i];
      kept += left * left;
      next += std::pow(left - c.rate * d, 2);
    }
    const bool is_layerwise = largest_norm > 0 && kept > 0 && next > 0;
    const double rate = c.rate * (is_layerwise ? std::min(std::sqrt(kept), largest_norm) / std::sqrt(next) : 1);
    for (int64_t i = 0; i < t.count; ++i) {
      t.weights[i] = static_cast<float>(t.weights[i] - c.decay * t.weights[i] - rate * direction[static_cast<size_t>(i)]);
    }
  }
};

/// Two groups with three tensors: a matrix, a vector of zeros, and a large one in channels_last.
struct Network {
  NamedTensors parameters{
      {"matrix", make_parameter(random_tensor("matrix", {7, 5}))},
      {"zeros", make_parameter(at::zeros({9}))},
      {"filters", make_parameter(random_tensor("filters", {8, 3, 5, 5}).contiguous(at::MemoryFormat::ChannelsLast) * 3)}};

  std::vector<ParameterGroup> groups() const { return {{{parameters[0], parameters[1]}, 1, {}}, {{parameters[2]}, 0.5, 0.02}}; }

  /// Gradients of step t; the vector has none in every third.
  void set_gradients(int64_t t) const {
    for (const auto& [name, parameter] : parameters) {
      if (name == "zeros" && t % 3 == 1) continue;
      set_gradient(parameter, random_tensor(name + std::to_string(t), parameter.sizes().vec()));
    }
  }
};

struct Case {
  const char* name;
  const char* options;
};

class DeviceKernelsOf : public ::testing::TestWithParam<Case> {};

TEST_P(DeviceKernelsOf, GoesTheWayOfTheLoops) {
  const Network plain, fused;
  const auto expected = make_optimizer(GetParam().name, GetParam().options, plain.groups());
  const auto optimizer = make_optimizer(GetParam().name, GetParam().options, fused.groups());
  const auto kernels = std::make_shared<LoopKernels>();
  optimizer->use_kernels(kernels);
  for (int64_t t = 0; t < 20; ++t) {
    for (const auto& [network, one] : {std::pair{&plain, expected.get()}, std::pair{&fused, optimizer.get()}}) {
      one->zero_grad();
      network->set_gradients(t);
      one->scale_gradients(0.5);
      one->step(0.01);
    }
    EXPECT_NEAR(optimizer->gradient_norm(), expected->gradient_norm(), 1e-6 * expected->gradient_norm());
    for (size_t i = 0; i < plain.parameters.size(); ++i) {
      EXPECT_LT(distance(fused.parameters[i].second, plain.parameters[i].second), 1e-5) << "step " << t << " " << plain.parameters[i].first;
    }
  }
  EXPECT_EQ(kernels->steps, 20);
  EXPECT_EQ(kernels->scalings, 20);
  EXPECT_EQ(kernels->norms, 20);
  EXPECT_EQ(optimizer->slow_weights().empty(), kernels->synchronisations == 0);
}

INSTANTIATE_TEST_SUITE_P(Rules, DeviceKernelsOf,
                         ::testing::Values(Case{"adam", "{weight_decay: 0.1}"}, Case{"adamw", "{weight_decay: 0.1}"},
                                           Case{"radam", "{weight_decay: 0.1}"}, Case{"radam", "{warmup: skip, decay: coupled}"},
                                           Case{"ralamb", "{weight_decay: 0.1}"}, Case{"ranger", "{k: 3}"}, Case{"rangerlars", "{k: 3}"}));

TEST(DeviceKernels, OtherRulesGoOnWithoutThem) {
  for (const char* name : {"sgd", "novograd", "lamb"}) {
    const Network plain, fused;
    const auto expected = make_optimizer(name, "{}", plain.groups());
    const auto optimizer = make_optimizer(name, "{}", fused.groups());
    const auto kernels = std::make_shared<LoopKernels>();
    optimizer->use_kernels(kernels);
    for (int64_t t = 0; t < 3; ++t) {
      plain.set_gradients(t);
      fused.set_gradients(t);
      expected->step(0.01);
      optimizer->step(0.01);
    }
    EXPECT_EQ(kernels->steps, 0) << name;
    for (size_t i = 0; i < plain.parameters.size(); ++i) {
      EXPECT_LT(distance(fused.parameters[i].second, plain.parameters[i].second), 1e-6) << name;
    }
  }
}

TEST(DeviceKernels, OtherTypesGoOnWithoutThem) {
  const at::Tensor weight = make_parameter(random_tensor("double", {5}, at::kDouble));
  const auto optimizer = make_optimizer("adam", "{}", {{{{"w", weight}}, 1, {}}});
  const auto kernels = std::make_shared<LoopKernels>();
  optimizer->use_kernels(kernels);
  set_gradient(weight, at::ones({5}, at::kDouble));
  optimizer->step(0.01);
  EXPECT_EQ(kernels->steps, 0);
}

}  // namespace
}  // namespace larmor::optim
