// The recipe: everything that decides a run, validated at once.
//
//   data:  {source: lgg, root: ~/kaggle_3m, size: 128, batch: 8, split: {kind: published}, augment: {…}, normalise: {…}}
//   model: {name: linknet, encoder: se_resnext50_32x4d}
//   loss:  0.5*bce + 0.5*dice
//   optim: {name: ralamb, lr: 1e-3, schedule: {name: flat_cosine}}
//   train: {epochs: 30, seed: 1}
//   eval:  {tta: none}
//
// A section with a `name` (data: `source`) holds the section's own keys and, beside them, the options of the component it names;
// both are checked, every mistake is told at once. `larmor help recipe` prints all keys; docs/reference/recipe.md is made from it.
#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "core/config.h"
#include "core/options.h"
#include "datasets/augment.h"
#include "datasets/normalise.h"
#include "datasets/preprocess.h"
#include "datasets/split.h"
#include "eval/predictor.h"

namespace larmor::train {

/// data: where cases come from and how they become batches.
struct DataOptions {
  std::string source = "lgg";
  ConfigNode options;  ///< the source's own options, `root` among them
  datasets::SplitOptions split;
  int64_t size = 256;
  int64_t batch = 8;
  int64_t evaluation_batch = 8;
  int64_t workers = 2;
  int64_t prefetch = 2;
  int64_t cache_mib = 2048;
  std::string sampling = "uniform";
  double positive_share = 0.5;
  bool drop_last = false;
  datasets::PreprocessOptions preprocess;
  datasets::NormaliseOptions normalise;
  datasets::AugmentOptions augment;
};

/// model: the network and where its first weights come from.
struct ModelOptions {
  std::string name = "linknet";
  ConfigNode options;           ///< the architecture's own options: encoder, in_channels, classes, …
  std::string weights;          ///< file or folder to start from; "": from scratch
  std::string encoder_weights;  ///< pretrained encoder; "": none
  std::string first_conv = "smp";
};

/// optim: the update rule, its schedule, clipping, weight average.
struct OptimOptions {
  std::string name = "adam";
  ConfigNode options;  ///< the optimizer's own options, lr among them
  std::string schedule = "constant";
  ConfigNode schedule_options;
  bool no_decay_bias_norm = true;
  double clip_norm = 0;
  double clip_value = 0;
  double ema = 0;
};

/// train: how long, how checked, how saved.
struct TrainOptions {
  int64_t epochs = 30;
  int64_t seed = 0;
  int64_t accumulate = 1;
  std::string monitor = "dice_patients";
  std::string mode = "max";
  int64_t early_stop = 0;
  int64_t validate_every = 1;
  int64_t checkpoint_every = 1;
  std::string precision = "float32";
  std::string determinism = "repro";
  int64_t overfit = 0;
};

/// Numbers that a paper printed for this recipe.
struct Published {
  std::map<std::string, double> values;
  std::string source;
  std::string convention;
};

struct Recipe {
  std::string name;  ///< "lgg/linknet_sx50_128": as the recipe says, else the path below configs/ or the file's stem
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

/// Reads file, includes and overrides, and resolves the components' defaults. Error (usage) with every mistake on its own line.
Recipe read_recipe(const std::filesystem::path& file, const std::vector<std::string>& overrides);

/// From a tree already read (the recipe stored in a run or a checkpoint).
Recipe recipe_from(const ConfigNode& tree, const std::string& name);

/// data.root; "" where the source has none or it is not set.
std::string data_root(const Recipe& recipe);

/// The resolved recipe with every default written out; reading it again gives the same recipe.
ConfigNode to_config(const Recipe& recipe);

/// `to_config` without what may differ between machines and changes no result (data.root, workers, prefetch, cache): what checkpoints
/// store.
ConfigNode portable_config(const Recipe& recipe);

/// `portable_config` without texts: what decides a run's numbers. A run goes on, or counts in a table, when this is unchanged.
ConfigNode deciding_config(const Recipe& recipe);

/// Keys whose values differ between two trees, as "optim.lr: 0.001 → 0.0003".
std::vector<std::string> differences(const ConfigNode& before, const ConfigNode& after);

/// "lgg/linknet_sx50_128" for configs/lgg/linknet_sx50_128.yaml.
std::string recipe_name(const std::filesystem::path& file);

/// Every key of a recipe with type, default, allowed values and help; component options are listed by their registries.
std::vector<OptionDoc> recipe_docs();

}  // namespace larmor::train
