// The training loop: one recipe, one run folder, from the first batch (or the last checkpoint) to the best weights.
//
// Reproducible: every batch, augmentation and dropout mask is keyed by (seed, epoch, sample or step); on a CPU with the same number
// of compute threads, stopping anywhere and resuming gives the same bytes as not stopping.
// Nothing lost: SIGINT and SIGTERM end the step in hand, write `last` and return.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "core/progress.h"
#include "optim/device_kernels.h"
#include "train/recipe.h"
#include "train/run_folder.h"

namespace larmor::train {

struct TrainerSettings {
  at::Device device = at::kCPU;
  std::shared_ptr<optim::DeviceKernels> kernels;  ///< fused optimizer steps on `device`; null: none
  int64_t threads = 1;                            ///< compute threads, for the log
  ProgressStyle style = ProgressStyle::automatic;
  bool resume = false;                               ///< go on from checkpoints/last
  bool overwrite = false;                            ///< start again in a folder that holds a run
  bool fast_dev_run = false;                         ///< two batches of training and validation, then stop: does it work at all?
  std::string command;                               ///< how the run was started, for the report
  std::function<void(const std::string& line)> say;  ///< lines that stay on the screen; none: silent
  std::function<void(int64_t step)> on_step;         ///< after each optimizer step, with the number of steps done; may be empty
};

struct TrainResult {
  bool finished = false;  ///< false: interrupted
  int64_t epochs_done = 0;
  int64_t best_epoch = 0;  ///< from 1; 0: none
  double best_value = 0;
  double wall_seconds = 0;  ///< of this part of the run
  double wait_share = 0;
  bool stopped_early = false;
};

/// Trains. Error (usage): the folder holds a run and neither resume nor overwrite is set; resume with a recipe that differs (each
/// difference told). Error (data): torn checkpoint, resume on other data. Error (run): another process trains in the folder, disk full,
/// loss not finite for a whole epoch, weights not finite (`last` then stays as it was), out of memory.
TrainResult train(const Recipe& recipe, const RunFolder& folder, const TrainerSettings& settings);

}  // namespace larmor::train
