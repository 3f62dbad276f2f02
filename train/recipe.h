// The recipe: everything that decides a run, validated at once.
#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/config.h"
#include "core/options.h"
#include "datasets/augment.h"
#include "datasets/loader.h"
#include "datasets/normalise.h"
#include "datasets/split.h"
#include "eval/predictor.h"

namespace larmor::train {

/// Numbers that a paper printed for this recipe.
struct Published {
  std::map<std::string, double> values;  ///< "test_dice": 0.927
  std::string source;
  std::string convention;
};

/// data: where cases come from and how they become batches.
struct DataOptions {
  std::string source = "lgg";
  std::string root;                    ///< the data folder
  std::vector<std::string> exclude;    ///< subjects to leave out
  ConfigNode options;                  ///< the source's own options
  datasets::SplitOptions split;
  int64_t size = 256;
  int64_t batch = 8;
  int64_t workers = 2;
  int64_t prefetch = 2;
  int64_t cache_mib = 2048;
  std::string sampling = "uniform";
  double positive_share = 0.5;
  datasets::NormaliseOptions normalise;
  datasets::AugmentOptions augment;
};

struct ModelOptions {
  std::string name = "linknet";
  ConfigNode options;                  ///< the architecture's own options: encoder, in_channels, classes, …
  std::string weights;                 ///< file or folder to start from; "" = from scratch
  std::string encoder_weights;         ///< pretrained encoder file; "" = none
  std::string first_conv = "smp";      ///< smp | smp01
};

struct OptimOptions {
  std::string name = "adam";
  ConfigNode options;                  ///< the optimizer's own options, lr among them
  bool no_decay_bias_norm = true;      ///< no weight decay on bias and norm parameters
  double clip_norm = 0;                ///< 0: off
  double clip_value = 0;
  std::string schedule = "constant";
  ConfigNode schedule_options;
  double ema = 0;                      ///< decay of the weight average; 0: off
};

struct TrainOptions {
  int64_t epochs = 30;
  int64_t seed = 0;
  int64_t accumulate = 1;              ///< batches per optimizer step
  std::string monitor = "dice_patients";
  std::string mode = "max";
  int64_t early_stop = 0;              ///< epochs without a better value; 0: off
  int64_t validate_every = 1;          ///< epochs
  int64_t checkpoint_every = 1;        ///< epochs
  std::string precision = "float32";   ///< float32 | bf16 | fp16 (CUDA)
  std::string determinism = "repro";   ///< repro | fast
  int64_t overfit = 0;                 ///< train and validate on the first n samples; 0: off
};

struct Recipe {
  std::string name;                    ///< "lgg/linknet_sx50_128": file path below configs/ without extension
  std::string description;
  DataOptions data;
  ModelOptions model;
  std::string task = "segmentation";
  ConfigNode task_options;
  std::string loss = "0.5*bce + 0.5*dice";
  ConfigNode loss_options;
  OptimOptions optim;
  TrainOptions train;
  eval::PredictorOptions eval;
  Published published;
};

/// The description of the whole recipe; component sections are checked through their registries.
OptionTable options_of(Recipe& recipe);

/// Reads file, includes, overrides; resolves components' defaults. Error (usage) with every mistake on its own line.
Recipe read_recipe(const std::filesystem::path& file, const std::vector<std::string>& overrides);
/// From a tree already read (a checkpoint's stored recipe).
Recipe recipe_from(const ConfigNode& tree, const std::string& name);
/// The resolved recipe, every default written out: reading it again gives the same recipe.
std::string to_yaml(const Recipe& recipe);

}  // namespace larmor::train
