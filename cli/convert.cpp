#include <fmt/format.h>

#include <filesystem>
#include <iostream>

#include "cli/commands.h"
#include "core/error.h"
#include "core/files.h"
#include "models/registry.h"
#include "models/weights/weights.h"
#include "train/checkpoint.h"
#include "train/recipe.h"

namespace larmor::cli {

namespace {

namespace fs = std::filesystem;

struct ConvertOptions {
  std::string input, output;
  std::string to;
  std::string recipe;
};

/// What the input holds: tensors and the `model` section that they belong to.
struct Source {
  NamedTensors tensors;
  ConfigNode model;
};

ConfigNode model_section(const std::string& recipe_text, const std::string& origin) {
  const ConfigNode tree = parse_yaml(recipe_text, origin);
  const ConfigNode* model = tree.find("model");
  if (model == nullptr) throw_data_error(origin + ": its recipe has no model section");
  return *model;
}

Source read_source(const ConvertOptions& options) {
  if (fs::is_directory(options.input)) return {models::read_weights(options.input), models::model_config_from_smp(options.input)};
  const train::Weights weights = train::load_weights(options.input);
  if (!options.recipe.empty()) return {weights.model, model_section(read_file(options.recipe), options.recipe)};
  if (weights.recipe.empty()) {
    throw_usage_error(options.input + ": holds no recipe; say which network it is with --recipe FILE");
  }
  return {weights.model, model_section(weights.recipe, options.input)};
}

std::string target_format(const ConvertOptions& options) {
  if (!options.to.empty()) {
    if (options.to == "smp" || options.to == "safetensors") return options.to;
    throw_usage_error(unknown_name_message("format", options.to, {"smp", "safetensors"}, ""));
  }
  return fs::path(options.output).extension() == ".safetensors" ? "safetensors" : "smp";
}

int run_convert(const ConvertOptions& options) {
  const Source source = read_source(options);
  ConfigNode tree = ConfigNode::make_map();
  tree.set("model", source.model);
  const train::Recipe recipe = train::recipe_from(tree, options.input);
  const auto network = models::registry().at(recipe.model.name).make(recipe.model.options, 0);
  const models::LoadReport report = models::load_state(*network, source.tensors, options.input);
  if (target_format(options) == "smp") {
    models::write_smp_folder(options.output, *network, recipe.model.options);
  } else {
    ConfigNode stored = ConfigNode::make_map();
    stored.set("model", *train::portable_config(recipe).find("model"));
    train::save_weights(options.output, {network->state_dict(), to_yaml(stored), -1, "", 0});
  }
  std::cout << report.to_string() << "\n" << options.output << ": written\n";
  return 0;
}

}  // namespace

Command convert_command() {
  Command command{"convert", Group::publish, "weights between Larmor files and SMP folders", "", {}, "", {}};
  command.description =
      "Reads a Larmor checkpoint (best or last), a safetensors file or a segmentation_models.pytorch folder, checks every tensor against the "
      "network, and writes an SMP folder (config.json + model.safetensors, for smp.from_pretrained) or one safetensors file. Prints what was mapped.";
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
