#include <ATen/core/Tensor.h>
#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <unordered_set>

#include "core/error.h"
#include "core/pytorch_file.h"
#include "models/weights/matching.h"
#include "models/weights/smp_names.h"
#include "models/weights/text.h"
#include "models/weights/weights.h"

namespace larmor::models {

namespace fs = std::filesystem;

namespace {

constexpr const char* kFolderWeights = "model.safetensors";
constexpr const char* kSafetensors = ".safetensors";
constexpr size_t kFirstBytes = 9;  // of safetensors: the length of the header, then '{'
constexpr size_t kNamesInNote = 2;
constexpr const char* kMetadataName = "__metadata__";

StoredWeights read_pytorch(const fs::path& path) {
  const PyTorchFile file = PyTorchFile::open(path);
  StoredWeights stored;
  stored.format = file.layout() == PyTorchLayout::torchscript ? WeightsFormat::torchscript : WeightsFormat::pytorch;
  stored.layout = to_string(file.layout());
  stored.notes = file.notes();
  for (const TensorView& view : file.tensors()) stored.tensors.emplace_back(view.name, to_tensor(view));
  return stored;
}

}  // namespace

bool is_safetensors(const fs::path& file) {
  if (file.extension() == kSafetensors) return true;
  std::string begin(kFirstBytes, '\0');
  std::ifstream(file, std::ios::binary).read(begin.data(), static_cast<std::streamsize>(begin.size()));
  return begin[8] == '{' && begin.substr(4, 4) == std::string(4, '\0');  // no header is as long as 2^32
}

StoredWeights read_stored_weights(const fs::path& path) {
  if (fs::is_directory(path)) {
    const fs::path file = path / kFolderWeights;
    if (!fs::exists(file)) throw_data_error(fmt::format("{}: no {} in this folder", path.string(), kFolderWeights));
    return {load_tensors(file), WeightsFormat::smp_folder, "SMP folder", {}};
  }
  if (is_safetensors(path)) return {load_tensors(path), WeightsFormat::safetensors, "safetensors file", {}};
  return read_pytorch(path);
}

NamedTensors read_weights(const fs::path& path, std::vector<std::string>* notes) {
  StoredWeights stored = read_stored_weights(path);
  if (notes != nullptr) *notes = std::move(stored.notes);
  return std::move(stored.tensors);
}

void require_storable_names(const NamedTensors& tensors, const std::string& source) {
  std::unordered_set<std::string> names;
  for (const auto& [name, tensor] : tensors) {
    if (name == kMetadataName)
      throw_data_error(fmt::format("{}: a tensor is called {}, which safetensors files keep for something else", source, in_quotes(name)));
    if (!names.insert(name).second)
      throw_data_error(fmt::format("{}: two tensors are called {}, one of them by an older name", source, in_quotes(name)));
  }
}

NamedTensors with_our_names(NamedTensors tensors, const std::string& source, std::vector<std::string>& notes) {
  tensors = without_prefixes(std::move(tensors), notes);
  if (!has_smp_decoder(tensors)) return tensors;
  std::vector<std::string> renamed;
  for (auto& [name, tensor] : tensors) {
    std::string current = current_smp_name(name);
    if (current == name) continue;
    renamed.push_back(fmt::format("{} -> {}", name, current));
    name = std::move(current);
  }
  if (!renamed.empty())
    notes.push_back(fmt::format("renamed {} tensors of SMP 0.0.x: {}", renamed.size(), list_names(renamed, kNamesInNote)));
  require_storable_names(tensors, source);
  return tensors;
}

}  // namespace larmor::models
