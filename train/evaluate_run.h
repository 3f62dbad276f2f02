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
#include "train/experiment.h"
#include "train/recipe.h"

namespace larmor::train {

struct EvaluateRequest {
  std::vector<std::string> weights;  ///< as load_trained; several form an ensemble
  std::string recipe;                ///< for weights that hold none
  std::string data_root;             ///< "": the recipe's
  std::string split = "validation";  ///< train | validation (val) | test | hold_out
  std::vector<std::string> tta;      ///< one evaluation each; empty: the recipe's
  std::string merge, merge_of;       ///< "": the recipe's
  std::optional<double> threshold;   ///< none: the recipe's, as below
  std::optional<bool> largest_component;
  std::string surface_distances;                ///< always | never; "": the recipe's, whose `evaluation` means always
  std::vector<std::string> surface_tolerances;  ///< of NSD, numbers; empty: the recipe's
  std::string detection;                        ///< always | never; "": the recipe's, as surface_distances
  std::optional<double> lesion_overlap;         ///< none: the recipe's
  std::optional<int64_t> smallest_lesion;
  std::optional<double> smallest_lesion_mm3;
  bool no_label = false;     ///< leave out the recipe's task.label: data whose patients' types are not known
  std::string group_by;      ///< column of the metadata; "": patients are not grouped
  bool uncertainty = false;  ///< calibration and the review list too
  std::string readers;       ///< agreement.json of two readers of these patients; "": none
  int64_t batch = 0;         ///< 0: the recipe's
  at::Device device = at::kCPU;
  /// After each batch; may throw to stop.
  std::function<void(const std::string& tta, int64_t done, int64_t total)> on_progress;
};

struct Evaluated {
  eval::Results results;
  std::unique_ptr<datasets::Source> source;
  bool is_other_data = false;  ///< than the networks were trained on, by their fingerprint
};

/// How a recipe itself is evaluated; an evaluation with other settings cannot stand for it in a table.
struct EvaluationSettings {
  std::string split = "validation";
  double threshold = 0.5;
  bool largest_component = false;
  std::string merge, merge_of;  ///< of test-time augmentation
};
EvaluationSettings evaluation_settings(const Recipe& recipe);

/// Error (usage): a side that does not exist, or that is empty in this data set's split. `place` begins the message: "--split test".
void require_side(const Dataset& dataset, const std::string& side, const std::string& place);

/// Error (usage): unknown split, an empty side, members of an ensemble that see different inputs. Error (data): a network
/// would be scored on patients that it, or another member of its ensemble, was trained on.
Evaluated evaluate_run(const EvaluateRequest& request);

}  // namespace larmor::train
