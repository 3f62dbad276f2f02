// A trained network from where it lies, with all that prediction needs to know.
#pragma once
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "models/segmenter.h"
#include "train/data_record.h"
#include "train/recipe.h"

namespace larmor::train {

struct TrainedNetwork {
  std::shared_ptr<models::Segmenter> network;  ///< on the CPU, weights loaded strictly
  Recipe recipe;                               ///< where the file holds none: defaults around the model section
  std::filesystem::path file;                  ///< the weights
  DataRecord data;                             ///< what it was trained on, where the file tells
  std::string report;                          ///< what was chosen, renamed, dropped, filled (LoadReport::to_string)
};

/// `where`: a run folder (its best checkpoint, its own recipe.yaml), a checkpoint, a folder of segmentation_models.pytorch
/// (config.json + model.safetensors), or bare weights (safetensors, files of PyTorch). `recipe`, a recipe file, replaces what is stored
/// there; an SMP folder keeps its own model section. Bare weights need it.
/// Error (usage): no weights there, no recipe to be had. Error (data): torn, or weights of another network.
TrainedNetwork load_trained(const std::filesystem::path& where, const std::string& recipe = "");

/// The members of an ensemble, one or more. Error (usage): a member that sees other inputs than the first (size, channels, normalisation).
std::vector<TrainedNetwork> load_ensemble(const std::vector<std::string>& members, const std::string& recipe = "");

/// True for a folder made by `train`.
bool is_run_folder(const std::filesystem::path& folder);

}  // namespace larmor::train
