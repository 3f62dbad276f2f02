#include "train/checkpoint.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/files.h"
#include "core/safetensors.h"
#include "models/weights/weights.h"

namespace larmor::train {

namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;
using Metadata = std::map<std::string, std::string>;

constexpr const char* kCheckpointFormat = "larmor-checkpoint/2";
constexpr const char* kWeightsFormat = "larmor-weights/2";
constexpr const char* kFormatPrefix = "larmor-";
constexpr const char* kChecksumKey = "checksum";

std::string to_json(const TrainState& state) {
  return Json{{"epoch", state.epoch},
              {"batch", state.batch},
              {"step", state.step},
              {"best_epoch", state.best_epoch},
              {"best_value", state.best_value},
              {"epochs_without_better", state.epochs_without_better},
              {"skipped_steps", state.skipped_steps},
              {"epoch_skipped_steps", state.epoch_skipped_steps},
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
    json.at("epoch_skipped_steps").get_to(state.epoch_skipped_steps);
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

/// CRC-32 over everything that a file says: metadata (but the sum itself), names, types, shapes, bytes. Every text is preceded by its
/// length, so that nothing can move from one into the next.
class Checksum {
 public:
  explicit Checksum(const Metadata& metadata) {
    for (const auto& [key, value] : metadata) {
      if (key == kChecksumKey) continue;
      add(key);
      add(value);
    }
  }
  void add(const std::string& name, at::ScalarType type, at::IntArrayRef shape, std::span<const std::byte> bytes) {
    add(name);
    add(fmt::format("{} {}", c10::toString(type), fmt::join(shape, "x")));
    sum_ = crc32(bytes, sum_);
  }
  std::string text() const { return fmt::format("{:08x}", sum_); }

 private:
  void add(const std::string& text) {
    const std::string counted = fmt::format("{}:{}", text.size(), text);
    sum_ = crc32(std::as_bytes(std::span(counted)), sum_);
  }
  uint32_t sum_ = 0;
};

std::string checksum_of(const NamedTensors& tensors, const Metadata& metadata) {
  Checksum sum(metadata);
  for (const auto& [name, tensor] : tensors) {
    sum.add(name, tensor.scalar_type(), tensor.sizes(), {static_cast<const std::byte*>(tensor.const_data_ptr()), tensor.nbytes()});
  }
  return sum.text();
}

std::string checksum_of(const SafetensorsFile& content) {
  Checksum sum(content.metadata());
  for (const TensorView& view : content.tensors()) {
    const at::ScalarType type = to_tensor({view.name, view.type, {0}, {}}).scalar_type();
    sum.add(view.name, type, view.shape, view.bytes);
  }
  return sum.text();
}

std::string entry(const Metadata& metadata, const std::string& key) {
  const auto found = metadata.find(key);
  return found == metadata.end() ? "" : found->second;
}

void save(const fs::path& file, const NamedTensors& tensors, Metadata metadata) {
  metadata[kChecksumKey] = checksum_of(tensors, metadata);
  save_tensors(file, tensors, metadata);
}

/// Files of another version cannot be checked; files of other programs say nothing of a format of ours.
void require_known_format(const SafetensorsFile& content) {
  const std::string format = entry(content.metadata(), "format");
  if (!format.starts_with(kFormatPrefix) || format == kCheckpointFormat || format == kWeightsFormat) return;
  throw_data_error(fmt::format("{}: written by another version of Larmor (format {}; this one reads '{}' and '{}'): train it again",
                               content.name(), in_quotes(format), kCheckpointFormat, kWeightsFormat));
}

void require_checksum(const SafetensorsFile& content) {
  const bool is_ours = entry(content.metadata(), "format").starts_with(kFormatPrefix);
  const std::string stored = entry(content.metadata(), kChecksumKey);
  if (!is_ours && stored.empty()) return;
  const std::string found = checksum_of(content);
  if (found == stored) return;
  throw_data_error(fmt::format("{}: damaged: checksum {} where {} is stored; use another checkpoint", content.name(), found,
                               stored.empty() ? "none" : printable(stored)));
}

SafetensorsFile open_verified(const fs::path& file) {
  if (!fs::exists(file)) throw_data_error(fmt::format("{}: no such checkpoint", file.string()));
  SafetensorsFile content = SafetensorsFile::open(file);
  require_known_format(content);
  require_checksum(content);
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
    throw_data_error(fmt::format("{}: not a training checkpoint of this version (format {}, needed '{}')", file.string(), in_quotes(format),
                                 kCheckpointFormat));
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

Weights load_any_weights(const fs::path& path, std::vector<std::string>& notes) {
  if (fs::is_regular_file(path) && models::is_safetensors(path)) return load_weights(path);
  Weights weights;
  weights.model = models::read_weights(path, &notes);
  return weights;
}

}  // namespace larmor::train
