#include "models/init.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "core/parallel.h"
#include "core/random.h"
#include "models/layers.h"

namespace larmor::models {

namespace {

constexpr int64_t kNumbersPerBlock = 4;
constexpr int64_t kBlocksPerTask = 1 << 14;
constexpr double kStep = 0x1p-24;  // a float32's own resolution below 1

/// Numbers 4 * block … 4 * block + 3 of the stream, as far as the tensor reaches.
void fill_block(float* values, int64_t count, double bound, uint64_t key, int64_t block) {
  const auto low = static_cast<uint32_t>(block), high = static_cast<uint32_t>(block >> 32);
  const std::array<uint32_t, 4> bits = philox4x32({low, high, 0, 0}, {static_cast<uint32_t>(key), static_cast<uint32_t>(key >> 32)});
  const int64_t begin = block * kNumbersPerBlock, end = std::min(begin + kNumbersPerBlock, count);
  for (int64_t i = begin; i < end; ++i) {
    values[i] = static_cast<float>(bound * (2 * kStep * (bits[static_cast<size_t>(i - begin)] >> 8) - 1));
  }
}

int64_t fan_in_of(const at::Tensor& weight) { return weight[0].numel(); }

/// torch.nn's default for convolutions: U(±1/sqrt(fan_in)) for weight and bias; a transposed one counts its output channels as fan-in.
void fill_default(at::Tensor& weight, at::Tensor* bias, uint64_t seed, const std::string& name) {
  const double bound = 1 / std::sqrt(static_cast<double>(fan_in_of(weight)));
  fill_uniform(weight, bound, seed, name + ".weight");
  if (bias) fill_uniform(*bias, bound, seed, name + ".bias");
}

}  // namespace

void fill_uniform(at::Tensor& tensor, double bound, uint64_t seed, const std::string& name) {
  const uint64_t key = RandomKey(seed).with("initial weights").with(name).value();
  at::Tensor values = at::empty(tensor.sizes(), at::kFloat);
  float* const data = values.data_ptr<float>();
  const int64_t count = values.numel(), blocks = (count + kNumbersPerBlock - 1) / kNumbersPerBlock;
  parallel_for((blocks + kBlocksPerTask - 1) / kBlocksPerTask, at::get_num_threads(), [=](int64_t task) {
    const int64_t end = std::min((task + 1) * kBlocksPerTask, blocks);
    for (int64_t block = task * kBlocksPerTask; block < end; ++block) fill_block(data, count, bound, key, block);
  });
  const at::NoGradGuard no_grad;
  tensor.copy_(values);
}

void fill_he_uniform(at::Tensor& weight, uint64_t seed, const std::string& name) {
  fill_uniform(weight, std::sqrt(6.0 / static_cast<double>(fan_in_of(weight))), seed, name);
}

void fill_glorot_uniform(at::Tensor& weight, uint64_t seed, const std::string& name) {
  const int64_t fan_in = fan_in_of(weight);
  const int64_t fan_out = weight.size(0) * (fan_in / weight.size(1));
  fill_uniform(weight, std::sqrt(6.0 / static_cast<double>(fan_in + fan_out)), seed, name);
}

void initialise_default(Module& root, uint64_t seed) {
  root.visit([seed](const std::string& name, Module& module) {
    if (auto* conv = dynamic_cast<Conv2d*>(&module)) {
      fill_default(conv->weight, conv->bias, seed, name);
    } else if (auto* transposed = dynamic_cast<ConvTranspose2d*>(&module)) {
      fill_default(transposed->weight, transposed->bias, seed, name);
    }
  });
}

}  // namespace larmor::models
