#include "core/tensors.h"

#include <ATen/Functions.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "core/error.h"

namespace larmor {

namespace {

constexpr std::array<std::pair<DType, at::ScalarType>, 13> kTypes = {{{DType::boolean, at::kBool},
                                                                      {DType::u8, at::kByte},
                                                                      {DType::i8, at::kChar},
                                                                      {DType::i16, at::kShort},
                                                                      {DType::u16, at::kUInt16},
                                                                      {DType::f16, at::kHalf},
                                                                      {DType::bf16, at::kBFloat16},
                                                                      {DType::i32, at::kInt},
                                                                      {DType::u32, at::kUInt32},
                                                                      {DType::f32, at::kFloat},
                                                                      {DType::f64, at::kDouble},
                                                                      {DType::i64, at::kLong},
                                                                      {DType::u64, at::kUInt64}}};

at::ScalarType scalar_type(DType type) {
  const auto found = std::find_if(kTypes.begin(), kTypes.end(), [&](const auto& pair) { return pair.first == type; });
  LARMOR_ASSERT(found != kTypes.end());
  return found->second;
}

DType dtype_of(const std::string& name, const at::Tensor& tensor) {
  const auto found = std::find_if(kTypes.begin(), kTypes.end(), [&](const auto& pair) { return pair.second == tensor.scalar_type(); });
  if (found == kTypes.end()) {
    throw_run_error(fmt::format("tensor {}: safetensors has no dtype {}", in_quotes(name), c10::toString(tensor.scalar_type())));
  }
  return found->first;
}

}  // namespace

at::Tensor to_tensor(const TensorView& view) {
  at::Tensor tensor = at::empty(view.shape, at::TensorOptions(scalar_type(view.type)));
  if (view.bytes.empty()) return tensor;
  auto* target = static_cast<std::byte*>(tensor.mutable_data_ptr());
  if (view.type == DType::boolean) {
    // A bool that is neither 0 nor 1 would be undefined behaviour for whoever reads it.
    std::transform(view.bytes.begin(), view.bytes.end(), target, [](std::byte value) { return std::byte{value != std::byte{0}}; });
  } else {
    std::memcpy(target, view.bytes.data(), view.bytes.size());
  }
  return tensor;
}

NamedTensors load_tensors(const std::filesystem::path& file, std::map<std::string, std::string>* metadata) {
  const SafetensorsFile stored = SafetensorsFile::open(file);
  NamedTensors tensors;
  tensors.reserve(stored.tensors().size());
  for (const TensorView& view : stored.tensors()) tensors.emplace_back(view.name, to_tensor(view));
  if (metadata != nullptr) *metadata = stored.metadata();
  return tensors;
}

void save_tensors(const std::filesystem::path& file, const NamedTensors& tensors, const std::map<std::string, std::string>& metadata) {
  std::vector<at::Tensor> kept;  // holds the copies that the views point into
  std::vector<TensorView> views;
  for (const auto& [name, tensor] : tensors) {
    const at::Tensor plain = tensor.detach().cpu().contiguous();
    const auto* data = static_cast<const std::byte*>(plain.const_data_ptr());
    views.push_back({name, dtype_of(name, plain), plain.sizes().vec(), {data, plain.nbytes()}});
    kept.push_back(plain);
  }
  write_safetensors(file, views, metadata);
}

}  // namespace larmor
