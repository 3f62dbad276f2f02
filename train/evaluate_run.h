// Scores trained networks on one side of their split: what `larmor eval` and `larmor reproduce` run.
#pragma once
#include <ATen/core/Tensor.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "datasets/source.h"
#include "eval/results.h"

namespace larmor::train {

struct EvaluateRequest {
  std::vector<std::string> weights;  ///< as load_trained; several form an ensemble
  std::string recipe;                ///< for weights that hold none
  std::string data_root;             ///< "": the recipe's
  std::string split = "validation";  ///< train | validation (val) | test
  std::vector<std::string> tta;      ///< one evaluation each; empty: the recipe's
  std::string merge, merge_of;       ///< "": the recipe's
  std::optional<double> threshold;   ///< none: the recipe's, as below
  std::optional<bool> largest_component;
  int64_t batch = 0;  ///< 0: the recipe's
  at::Device device = at::kCPU;
  /// After each batch; may throw to stop.
  std::function<void(const std::string& tta, int64_t done, int64_t total)> on_progress;
};

struct Evaluated {
  eval::Results results;
  std::unique_ptr<datasets::Source> source;
};

/// Error (usage): unknown split, an empty side, members of an ensemble that see different inputs. Error (data): the ensemble would be
/// scored on patients that one of its members was trained on.
Evaluated evaluate_run(const EvaluateRequest& request);

}  // namespace larmor::train
