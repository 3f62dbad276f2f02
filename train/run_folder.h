// The folder of a run: where its files are and how they are written.
//
//   runs/<recipe>/seed-<n>/  recipe.yaml  log.jsonl  metrics.csv  events.out.tfevents.*
//                            checkpoints/{last,best}.safetensors  evaluation.json  cases.csv  slices.csv  overlays/  report.html
#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "core/file_lock.h"
#include "train/recipe.h"

namespace larmor::train {

class RunFolder {
 public:
  explicit RunFolder(std::filesystem::path root) : root_(std::move(root)) {}
  const std::filesystem::path& root() const { return root_; }
  std::filesystem::path recipe() const { return root_ / "recipe.yaml"; }
  std::filesystem::path log() const { return root_ / "log.jsonl"; }
  std::filesystem::path metrics() const { return root_ / "metrics.csv"; }
  std::filesystem::path last() const { return root_ / "checkpoints/last.safetensors"; }
  std::filesystem::path best() const { return root_ / "checkpoints/best.safetensors"; }
  std::filesystem::path evaluation() const { return root_ / "evaluation.json"; }
  bool has_checkpoint() const { return std::filesystem::exists(last()); }
  /// True when a training was begun here, even one that was killed before its first checkpoint.
  bool is_used() const;
  /// Removes what a run, its evaluation and its report have left. Files of other names stay.
  void clear() const;
  /// Makes the folder and takes it for one training. Error (run): another process trains here.
  std::unique_ptr<FileLock> take() const;

 private:
  std::filesystem::path root_;
};

/// runs/lgg-linknet_sx50_128/seed-1: the default place of a recipe's run below `base`.
std::filesystem::path default_run_folder(const Recipe& recipe, const std::filesystem::path& base = "runs");

/// One row of metrics.csv.
struct EpochRow {
  int64_t epoch = 0;  ///< from 1
  double loss = 0;
  double validation_loss = 0;                           ///< NaN when not validated
  std::vector<std::pair<std::string, double>> metrics;  ///< empty when not validated
  double lr = 0;
  double seconds = 0;     ///< NaN when the epoch was stopped and resumed: checkpoints hold no time
  double wait_share = 0;  ///< part of the time spent waiting for data; as images_per_second since the resume
  double images_per_second = 0;
  int64_t steps = 0;          ///< of the optimizer, tried
  int64_t skipped_steps = 0;  ///< of these, because a loss or a gradient was not finite
};

/// Appends a row, writing the header first where the file is new. Rows of epochs ≥ `row.epoch` (an interrupted try) are replaced.
void write_epoch_row(const std::filesystem::path& file, const EpochRow& row, const std::vector<std::string>& metric_names);

}  // namespace larmor::train
