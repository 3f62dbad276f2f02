#include <ATen/core/Tensor.h>
#include <fmt/format.h>

#include <iostream>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/cuda_kernels.h"
#include "core/interrupt.h"
#include "core/progress.h"
#include "train/trainer.h"

namespace larmor::cli {

namespace {

struct TrainCommandOptions {
  std::string recipe;
  std::vector<std::string> overrides;
  std::string run_dir;
  bool resume = false, overwrite = false, fast_dev_run = false;
};

std::string command_line(const TrainCommandOptions& options, const GlobalOptions& global) {
  std::string line = "larmor train " + options.recipe;
  for (const std::string& assignment : options.overrides) line += " " + assignment;
  if (!options.run_dir.empty()) line += " --run-dir " + options.run_dir;
  if (global.seed) line += fmt::format(" --seed {}", *global.seed);
  if (global.threads) line += fmt::format(" --threads {}", global.threads);
  if (global.device != "cpu") line += " --device " + global.device;
  return line;
}

train::RunFolder choose_folder(const TrainCommandOptions& options, const train::Recipe& recipe) {
  if (!options.run_dir.empty()) return train::RunFolder(options.run_dir);
  const std::filesystem::path folder = train::default_run_folder(recipe);
  return train::RunFolder(options.fast_dev_run ? folder.parent_path() / "fast-dev-run" : folder);
}

void print_result(const train::TrainResult& result, const train::Recipe& recipe, const train::RunFolder& folder, bool json) {
  if (json) {
    std::cout << nlohmann::json{{"run", folder.root().string()},        {"finished", result.finished},
                                {"epochs_done", result.epochs_done},    {"best_epoch", result.best_epoch},
                                {"metric", recipe.train.monitor},       {"best_value", result.best_value},
                                {"wall_seconds", result.wall_seconds},  {"wait_share", result.wait_share},
                                {"stopped_early", result.stopped_early}}
                     .dump()
              << "\n";
    return;
  }
  std::cout << fmt::format("{} after {} in {}: best {} {:.4f} in epoch {}   weights {}\n", result.stopped_early ? "stopped early" : "done",
                           counted(result.epochs_done, "epoch"), format_clock(result.wall_seconds), recipe.train.monitor, result.best_value,
                           result.best_epoch, folder.best().string());
}

int run_train(const TrainCommandOptions& options, const GlobalOptions& global) {
  std::vector<std::string> overrides = options.overrides;
  if (global.seed) overrides.push_back(fmt::format("train.seed={}", *global.seed));
  const train::Recipe recipe = train::read_recipe(options.recipe, overrides);
  use_device(global.device);

  train::TrainerSettings settings;
  settings.threads = use_threads(global.threads);
  settings.device = at::Device(global.device);
  settings.kernels = open_kernels(global.device);
  settings.style = global.quiet ? ProgressStyle::quiet : ProgressStyle::automatic;
  settings.resume = options.resume;
  settings.overwrite = options.overwrite || (options.fast_dev_run && options.run_dir.empty());
  settings.fast_dev_run = options.fast_dev_run;
  settings.command = command_line(options, global);
  if (!global.quiet) settings.say = [](const std::string& line) { std::cerr << line << "\n"; };

  require_folder("--run-dir", options.run_dir);
  const train::RunFolder folder = choose_folder(options, recipe);
  require_apart("--run-dir", folder.root().string(), train::data_root(recipe));
  catch_interrupts(kStopsAfterStep);
  const train::TrainResult result = train::train(recipe, folder, settings);
  if (!result.finished) {
    std::cerr << fmt::format("stopped in epoch {}; continue with: {} --resume\n", result.epochs_done + 1, settings.command);
    return 1;
  }
  print_result(result, recipe, folder, global.json);
  return 0;
}

}  // namespace

Command train_command() {
  Command command{"train", Group::run, "train a network from a recipe", "", {}, "", {}};
  command.takes_seed = true;
  command.takes_json = true;
  command.description =
      "Trains what RECIPE says and writes runs/<recipe>/seed-<n>/ with the resolved recipe, logs, metrics and the best and last "
      "checkpoints. "
      "key=value words override the recipe. Ctrl-C ends the step in hand and saves; --resume goes on to the same bits.";
  command.examples = {
      {"larmor train configs/quickstart.yaml data.root=phantom", "train on a phantom made by `larmor phantom lgg phantom`"},
      {"larmor train configs/quickstart.yaml data.root=phantom optim.name=ranger optim.lr=3e-4 --seed 1", "another optimizer and seed"},
      {"larmor train configs/quickstart.yaml data.root=phantom --resume", "go on where it stopped"}};
  command.declare = [](Arguments& arguments) {
    auto options = std::make_shared<TrainCommandOptions>();
    arguments.positional("recipe", options->recipe, "recipe file (configs/…/*.yaml)");
    arguments.positionals("key=value", options->overrides, "overrides, e.g. data.root=~/kaggle_3m optim.lr=3e-4");
    arguments.option("--run-dir", options->run_dir, "where the run is written; default runs/<recipe>/seed-<n>");
    arguments.flag("--resume", options->resume, "go on from checkpoints/last");
    arguments.flag("--overwrite", options->overwrite, "start again in a folder that holds a run");
    arguments.flag("--fast-dev-run", options->fast_dev_run, "two batches of training and validation: does it work at all?");
    return [options](const GlobalOptions& global) { return run_train(*options, global); };
  };
  return command;
}

}  // namespace larmor::cli
