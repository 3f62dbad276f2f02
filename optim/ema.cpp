#include "optim/ema.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"
#include "optim/state.h"

namespace larmor::optim {

Ema::Ema(const NamedTensors& state, double decay) : decay_(decay) {
  LARMOR_ASSERT(decay >= 0 && decay < 1);
  const c10::NoGradGuard no_gradients;
  for (const auto& [name, tensor] : state) averaged_.emplace_back(name, tensor.detach().clone());
}

void Ema::update(const NamedTensors& state) {
  LARMOR_ASSERT(state.size() == averaged_.size());
  const c10::NoGradGuard no_gradients;
  const auto t = static_cast<double>(updates_);
  const double decay = std::min(decay_, (1 + t) / (10 + t));
  for (size_t i = 0; i < state.size(); ++i) {
    LARMOR_ASSERT(state[i].first == averaged_[i].first);
    const at::Tensor& average = averaged_[i].second;
    const at::Tensor current = state[i].second.detach();
    if (average.is_floating_point()) {
      average.lerp_(current, 1 - decay);
    } else {
      average.copy_(current);
    }
  }
  ++updates_;
}

void Ema::load(const NamedTensors& averaged, int64_t updates) {
  const c10::NoGradGuard no_gradients;
  check_state(averaged_, averaged, "weight average");
  copy_state(averaged, averaged_);
  updates_ = updates;
}

}  // namespace larmor::optim
