#include <fmt/format.h>

#include <filesystem>
#include <iostream>

#include "cli/commands.h"
#include "core/error.h"
#include "models/weights/weights.h"
#include "train/checkpoint.h"
#include "train/trained_network.h"

namespace larmor::cli {

namespace {

namespace fs = std::filesystem;

struct ConvertOptions {
  std::string input, output;
  std::string to;
  std::string recipe;
};

std::string target_format(const ConvertOptions& options) {
  if (!options.to.empty()) {
    if (options.to == "smp" || options.to == "safetensors") return options.to;
    throw_usage_error(unknown_name_message("format", options.to, {"smp", "safetensors"}, ""));
  }
  return fs::path(options.output).extension() == ".safetensors" ? "safetensors" : "smp";
}

int run_convert(const ConvertOptions& options) {
  const train::TrainedNetwork trained = train::load_trained(options.input, options.recipe);
  if (target_format(options) == "smp") {
    models::write_smp_folder(options.output, *trained.network, trained.recipe.model.options);
  } else {
    ConfigNode stored = ConfigNode::make_map();
    stored.set("model", *train::portable_config(trained.recipe).find("model"));
    train::save_weights(options.output, {trained.network->state_dict(), to_yaml(stored), -1, "", 0});
  }
  const NamedTensors state = trained.network->state_dict();
  std::cout << fmt::format("{}: {} tensors of {} ({} parameters) from {}\n", options.output, state.size(), trained.recipe.model.name,
                           trained.network->parameter_count(), trained.file.string());
  return 0;
}

}  // namespace

Command convert_command() {
  Command command{"convert", Group::publish, "weights between Larmor files and SMP folders", "", {}, "", {}};
  command.description =
      "Reads a Larmor checkpoint (best or last), a safetensors file or a segmentation_models.pytorch folder, checks every tensor against "
      "the "
      "network, and writes an SMP folder (config.json + model.safetensors, for smp.from_pretrained) or one safetensors file.";
  command.examples = {{"larmor convert runs/quickstart/seed-0/checkpoints/best.safetensors exported", "an SMP folder"},
                      {"larmor convert exported weights.safetensors", "back to one file that predict reads"},
                      {"larmor convert weights.safetensors exported2 --to smp", "and out again"}};
  command.declare = [](Arguments& arguments) {
    auto options = std::make_shared<ConvertOptions>();
    arguments.positional("input", options->input, "checkpoint, safetensors file or SMP folder");
    arguments.positional("output", options->output, "folder, or file ending in .safetensors");
    arguments.option("--to", options->to, "smp or safetensors; default by the name of the output");
    arguments.option("--recipe", options->recipe, "recipe whose model section names the network, for files that hold none");
    return [options](const GlobalOptions&) { return run_convert(*options); };
  };
  return command;
}

}  // namespace larmor::cli
