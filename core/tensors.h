// Tensors in and out of safetensors: the only part of core that knows LibTorch (library larmor::tensors).
#pragma once
#include <ATen/core/Tensor.h>

#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/safetensors.h"

namespace larmor {

/// Named tensors in a fixed order (a state dict).
using NamedTensors = std::vector<std::pair<std::string, at::Tensor>>;

/// A CPU copy of a view; a boolean byte other than 0 and 1 is read as true.
at::Tensor to_tensor(const TensorView& view);

/// Reads all tensors (CPU copies) and, where wanted, the metadata.
NamedTensors load_tensors(const std::filesystem::path& file, std::map<std::string, std::string>* metadata = nullptr);

/// Writes tensors (made contiguous, moved to CPU) atomically. Error (run) for a dtype that safetensors lacks (complex, quantised).
void save_tensors(const std::filesystem::path& file, const NamedTensors& tensors, const std::map<std::string, std::string>& metadata = {});

}  // namespace larmor
