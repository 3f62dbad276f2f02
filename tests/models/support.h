// Networks for tests: built by name, filled by the hash of the golden files.
#pragma once
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <cstdint>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/config.h"
#include "core/files.h"
#include "models/registry.h"
#include "tests/support/hash_fill.h"

namespace larmor::models::testing {

inline ConfigNode options(const std::map<std::string, std::string>& values) {
  ConfigNode node = ConfigNode::make_map();
  for (const auto& [key, value] : values) node.set(key, ConfigNode::make_scalar(value));
  return node;
}

inline std::shared_ptr<Segmenter> make_model(const std::string& name, const std::map<std::string, std::string>& values = {},
                                             uint64_t seed = 0) {
  return registry().at(name).make(options(values), seed);
}

/// float32 tensor by hash fill.
inline at::Tensor filled(const std::string& name, const std::vector<int64_t>& shape, uint64_t seed = 0, double scale = 1,
                         double shift = 0) {
  at::Tensor tensor = at::empty(shape, at::kFloat);
  const std::vector<float> values = larmor::testing::hash_fill(name, tensor.numel(), seed, scale, shift);
  std::copy(values.begin(), values.end(), tensor.data_ptr<float>());
  return tensor;
}

/// Every weight and buffer from its name and shape.
inline void fill_weights(Module& module, uint64_t seed = 0) {
  const at::NoGradGuard no_grad;
  for (auto& [name, tensor] : module.state_dict()) {
    const std::vector<float> values = larmor::testing::hash_weight(name, tensor.sizes().vec(), seed);
    tensor.copy_(at::from_blob(const_cast<float*>(values.data()), tensor.sizes(), at::kFloat));
  }
}

inline nlohmann::json read_json(const std::filesystem::path& file) { return nlohmann::json::parse(read_file(file)); }

inline at::Tensor find_tensor(const NamedTensors& tensors, const std::string& name) {
  for (const auto& [key, tensor] : tensors) {
    if (key == name) return tensor;
  }
  return {};
}

inline double sum_of(const at::Tensor& tensor) { return tensor.detach().to(at::kDouble).sum().item<double>(); }
inline double l2_of(const at::Tensor& tensor) { return tensor.detach().to(at::kDouble).norm().item<double>(); }
inline double max_abs(const at::Tensor& tensor) { return tensor.detach().to(at::kDouble).abs().max().item<double>(); }

}  // namespace larmor::models::testing
