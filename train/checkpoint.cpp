#include "train/checkpoint.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/files.h"
#include "core/safetensors.h"

namespace larmor::train {

namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;
using Metadata = std::map<std::string, std::string>;

constexpr const char* kCheckpointFormat = "larmor-checkpoint/1";
constexpr const char* kWeightsFormat = "larmor-weights/1";

std::string to_json(const TrainState& state) {
  return Json{{"epoch", state.epoch},
              {"batch", state.batch},
              {"step", state.step},
              {"best_epoch", state.best_epoch},
              {"best_value", state.best_value},
              {"epochs_without_better", state.epochs_without_better},
              {"skipped_steps", state.skipped_steps},
              {"loss_sum", state.loss_sum},
              {"loss_count", state.loss_count},
              {"ema_updates", state.ema_updates},
              {"schedule", state.schedule},
              {"scaler", state.scaler}}
      .dump();
}

TrainState state_from_json(const std::string& text, const fs::path& file) {
  try {
    const Json json = Json::parse(text);
    TrainState state;
    json.at("epoch").get_to(state.epoch);
    json.at("batch").get_to(state.batch);
    json.at("step").get_to(state.step);
    json.at("best_epoch").get_to(state.best_epoch);
    json.at("best_value").get_to(state.best_value);
    json.at("epochs_without_better").get_to(state.epochs_without_better);
    json.at("skipped_steps").get_to(state.skipped_steps);
    json.at("loss_sum").get_to(state.loss_sum);
    json.at("loss_count").get_to(state.loss_count);
    json.at("ema_updates").get_to(state.ema_updates);
    json.at("schedule").get_to(state.schedule);
    json.at("scaler").get_to(state.scaler);
    const bool is_possible = std::min({state.epoch, state.batch, state.step, state.loss_count, state.ema_updates}) >= 0;
    if (is_possible && state.best_epoch >= -1) return state;
  } catch (const Json::exception&) {  // as a state that cannot be
  }
  throw_data_error(fmt::format("{}: the training state in its metadata is damaged; start again or use another checkpoint", file.string()));
}

/// Tensors as the writer wants them: on the CPU, contiguous.
NamedTensors on_cpu(const NamedTensors& tensors, const std::string& prefix) {
  NamedTensors out;
  for (const auto& [name, tensor] : tensors) out.emplace_back(prefix + name, tensor.detach().to(at::kCPU).contiguous());
  return out;
}

uint32_t checksum_of(const NamedTensors& tensors) {
  uint32_t sum = 0;
  for (const auto& [name, tensor] : tensors) {
    const auto* bytes = static_cast<const std::byte*>(tensor.const_data_ptr());
    sum = crc32(std::span(bytes, tensor.nbytes()), sum);
  }
  return sum;
}

uint32_t checksum_of(const SafetensorsFile& content) {
  uint32_t sum = 0;
  for (const TensorView& view : content.tensors()) sum = crc32(view.bytes, sum);
  return sum;
}

std::string entry(const Metadata& metadata, const std::string& key) {
  const auto found = metadata.find(key);
  return found == metadata.end() ? "" : found->second;
}

void save(const fs::path& file, const NamedTensors& tensors, Metadata metadata) {
  metadata["checksum"] = fmt::format("{:08x}", checksum_of(tensors));
  save_tensors(file, tensors, metadata);
}

SafetensorsFile open_verified(const fs::path& file) {
  if (!fs::exists(file)) throw_data_error(fmt::format("{}: no such checkpoint", file.string()));
  SafetensorsFile content = SafetensorsFile::open(file);
  const std::string stored = entry(content.metadata(), "checksum");
  if (stored.empty()) return content;
  const std::string found = fmt::format("{:08x}", checksum_of(content));
  if (found != stored) {
    throw_data_error(fmt::format("{}: damaged: checksum {} where {} is stored; use another checkpoint", file.string(), found, stored));
  }
  return content;
}

NamedTensors take(const SafetensorsFile& content, const std::string& prefix) {
  NamedTensors out;
  for (const TensorView& view : content.tensors()) {
    if (view.name.starts_with(prefix)) out.emplace_back(view.name.substr(prefix.size()), to_tensor(view));
  }
  return out;
}

template <class T>
void append(NamedTensors& all, const T& more) {
  all.insert(all.end(), more.begin(), more.end());
}

}  // namespace

void save_checkpoint(const fs::path& file, const Checkpoint& checkpoint) {
  NamedTensors tensors = on_cpu(checkpoint.model, "model/");
  append(tensors, on_cpu(checkpoint.optimizer, "optimizer/"));
  append(tensors, on_cpu(checkpoint.ema, "ema/"));
  save(file, tensors,
       {{"format", kCheckpointFormat},
        {"state", to_json(checkpoint.state)},
        {"recipe", checkpoint.recipe},
        {"data", to_json(checkpoint.data)}});
}

Checkpoint load_checkpoint(const fs::path& file) {
  const SafetensorsFile content = open_verified(file);
  const std::string format = entry(content.metadata(), "format");
  if (format != kCheckpointFormat) {
    throw_data_error(
        fmt::format("{}: not a training checkpoint of this version (format '{}', needed '{}')", file.string(), format, kCheckpointFormat));
  }
  Checkpoint checkpoint;
  checkpoint.state = state_from_json(entry(content.metadata(), "state"), file);
  checkpoint.recipe = entry(content.metadata(), "recipe");
  checkpoint.data = data_record_from_json(entry(content.metadata(), "data"), file.string());
  checkpoint.model = take(content, "model/");
  checkpoint.optimizer = take(content, "optimizer/");
  checkpoint.ema = take(content, "ema/");
  return checkpoint;
}

void save_weights(const fs::path& file, const Weights& weights) {
  save(file, on_cpu(weights.model, ""),
       {{"format", kWeightsFormat},
        {"recipe", weights.recipe},
        {"data", to_json(weights.data)},
        {"epoch", std::to_string(weights.epoch)},
        {"metric", weights.metric},
        {"value", fmt::format("{}", weights.value)}});
}

Weights load_weights(const fs::path& file) {
  const SafetensorsFile content = open_verified(file);
  const Metadata& metadata = content.metadata();
  Weights weights;
  weights.recipe = entry(metadata, "recipe");
  weights.data = data_record_from_json(entry(metadata, "data"), file.string());
  if (entry(metadata, "format") == kCheckpointFormat) {
    weights.epoch = state_from_json(entry(metadata, "state"), file).epoch;
    weights.model = take(content, "ema/");
    if (weights.model.empty()) weights.model = take(content, "model/");
    return weights;
  }
  weights.model = take(content, "");
  weights.metric = entry(metadata, "metric");
  weights.epoch = std::atoll(entry(metadata, "epoch").c_str());
  weights.value = std::atof(entry(metadata, "value").c_str());
  return weights;
}

}  // namespace larmor::train
