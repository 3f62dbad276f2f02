// Checkpoints: everything that a training needs to go on as if it had never stopped, and the best weights for use elsewhere.
//
//   last.safetensors  "model/<name>", "optimizer/<name>", "ema/<name>"; metadata: format, state, data (JSON), recipe (YAML), checksum
//   best.safetensors  plain state-dict names; metadata: format, recipe, data, epoch, metric, value, checksum
//
// Both are written beside the target and renamed. The checksum (CRC-32 over metadata, names, types, shapes and bytes) is verified when
// read, and a file of ours without one is damaged. They hold no time, host or path, so that equal trainings give equal bytes.
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>

#include "core/config.h"
#include "core/tensors.h"
#include "train/data_record.h"

namespace larmor::train {

/// Where a training stands. `epoch` and `batch` are the next ones to run.
struct TrainState {
  int64_t epoch = 0;
  int64_t batch = 0;
  int64_t step = 0;         ///< optimizer steps done
  int64_t best_epoch = -1;  ///< from 0; -1: none yet
  double best_value = 0;
  int64_t epochs_without_better = 0;
  int64_t skipped_steps = 0;        ///< because a loss or a gradient was not finite
  int64_t epoch_skipped_steps = 0;  ///< those of the running epoch
  double loss_sum = 0;              ///< of the running epoch, over samples
  int64_t loss_count = 0;
  int64_t ema_updates = 0;
  std::string schedule = "{}";  ///< Schedule::state()
  std::string scaler = "{}";    ///< LossScaler::state()
};

struct Checkpoint {
  TrainState state;
  NamedTensors model, optimizer, ema;
  std::string recipe;  ///< portable YAML
  DataRecord data;
};

/// Error (run) when the disk refuses; the previous file stays.
void save_checkpoint(const std::filesystem::path& file, const Checkpoint& checkpoint);
/// Error (data): missing, torn, checksum differs, another format or version.
Checkpoint load_checkpoint(const std::filesystem::path& file);

/// Weights for use: what predict, eval and other programs read.
struct Weights {
  NamedTensors model;
  std::string recipe;  ///< portable YAML; "" for files that are not ours
  int64_t epoch = -1;
  std::string metric;
  double value = 0;
  DataRecord data;  ///< unknown for files that are not ours
};
void save_weights(const std::filesystem::path& file, const Weights& weights);
/// Reads best.safetensors or last.safetensors (its EMA where it has one). Error (data) as above.
Weights load_weights(const std::filesystem::path& file);
/// The same for safetensors, whoever wrote them; for an SMP folder or a file of PyTorch models::read_weights. `notes` gets what was chosen
/// and left.
Weights load_any_weights(const std::filesystem::path& path, std::vector<std::string>& notes);

}  // namespace larmor::train
