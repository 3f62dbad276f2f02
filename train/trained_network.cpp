#include "train/trained_network.h"

#include <fmt/format.h>

#include "core/error.h"
#include "models/registry.h"
#include "models/weights/weights.h"
#include "train/checkpoint.h"
#include "train/run_folder.h"

namespace larmor::train {

namespace {

namespace fs = std::filesystem;

/// What one of the places yields before the network is built.
struct Found {
  NamedTensors tensors;
  ConfigNode recipe;
  fs::path file;
  DataRecord data{};
  std::vector<std::string> notes{};  ///< what reading chose and left
};

Found find_smp_folder(const fs::path& folder, const std::string& recipe_file) {
  ConfigNode recipe = recipe_file.empty() ? ConfigNode::make_map() : read_yaml(recipe_file);
  recipe.set("model", models::model_config_from_smp(folder));
  return {models::read_weights(folder), recipe, folder / "model.safetensors", {}};
}

/// A file of another kind is told from a torn one by its name.
bool is_named_as_weights(const fs::path& file) {
  const std::string ending = file.extension().string();
  return ending == ".safetensors" || ending == ".pth" || ending == ".pt";
}

Weights read_file_of_weights(const fs::path& file, std::vector<std::string>& notes) {
  try {
    return load_any_weights(file, notes);
  } catch (const Error& error) {
    if (is_named_as_weights(file)) throw;
    throw Error(
        error.kind(),
        fmt::format("{}; give a run folder, a checkpoint (.safetensors), weights of PyTorch (.pth, .pt) or an SMP folder", error.what()));
  }
}

Found find_checkpoint(const fs::path& file, const std::string& recipe_file) {
  std::vector<std::string> notes;
  Weights weights = read_file_of_weights(file, notes);
  Found found{std::move(weights.model), {}, file, std::move(weights.data), std::move(notes)};
  if (!recipe_file.empty()) {
    found.recipe = read_yaml(recipe_file);
  } else if (!weights.recipe.empty()) {
    found.recipe = parse_yaml(weights.recipe, file.string());
  } else {
    throw_usage_error(file.string() + ": holds no recipe; say which network it is with --recipe FILE, or give a folder with config.json");
  }
  return found;
}

Found find_run(const RunFolder& run, const std::string& recipe_file) {
  if (!fs::exists(run.best())) {
    throw_usage_error(run.root().string() + ": this run has no best checkpoint yet; let it finish an epoch, or give " +
                      run.last().string());
  }
  const bool has_own = recipe_file.empty() && fs::exists(run.recipe());
  return find_checkpoint(run.best(), has_own ? run.recipe().string() : recipe_file);
}

Found find_weights(const fs::path& where, const std::string& recipe_file) {
  if (!fs::exists(where)) throw_usage_error(where.string() + ": no such run, checkpoint or folder");
  if (!fs::is_directory(where)) return find_checkpoint(where, recipe_file);
  if (fs::exists(where / "config.json")) return find_smp_folder(where, recipe_file);
  if (is_run_folder(where)) return find_run(RunFolder(where), recipe_file);
  throw_usage_error(where.string() + ": neither a run (checkpoints/best.safetensors) nor an SMP folder (config.json, model.safetensors)");
}

/// Everything of the data section that decides what a network sees.
ConfigNode input_of(const Recipe& recipe) {
  const ConfigNode tree = portable_config(recipe);
  ConfigNode input = *tree.find("data");
  for (const char* key : {"split", "batch", "evaluation_batch", "sampling", "positive_share", "drop_last", "augment"}) {
    std::erase_if(input.entries, [key](const auto& entry) { return entry.first == key; });
  }
  return input;
}

void require_same_input(const std::vector<TrainedNetwork>& members) {
  for (size_t i = 1; i < members.size(); ++i) {
    const std::vector<std::string> different = differences(input_of(members[0].recipe), input_of(members[i].recipe));
    if (different.empty()) continue;
    throw_usage_error(
        fmt::format("ensemble: {} sees other inputs than {}: data.{}", members[i].file.string(), members[0].file.string(), different[0]));
  }
}

}  // namespace

bool is_run_folder(const fs::path& folder) { return fs::is_directory(folder / "checkpoints") || fs::exists(RunFolder(folder).recipe()); }

TrainedNetwork load_trained(const fs::path& where, const std::string& recipe) {
  Found found = find_weights(where, recipe);
  TrainedNetwork trained;
  trained.file = found.file;
  trained.data = std::move(found.data);
  trained.recipe = recipe_from(found.recipe, where.string());
  trained.network = models::registry().at(trained.recipe.model.name).make(trained.recipe.model.options, 0);
  models::LoadReport report = models::load_state(*trained.network, found.tensors, found.file.string());
  report.notes.insert(report.notes.begin(), found.notes.begin(), found.notes.end());
  trained.report = report.to_string();
  trained.network->eval();
  return trained;
}

std::vector<TrainedNetwork> load_ensemble(const std::vector<std::string>& members, const std::string& recipe) {
  LARMOR_ASSERT(!members.empty());
  std::vector<TrainedNetwork> networks;
  for (const std::string& member : members) networks.push_back(load_trained(member, recipe));
  require_same_input(networks);
  return networks;
}

}  // namespace larmor::train
