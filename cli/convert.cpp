#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <iostream>
#include <map>

#include "cli/commands.h"
#include "core/error.h"
#include "models/weights/smp_names.h"
#include "models/weights/weights.h"
#include "train/checkpoint.h"
#include "train/trained_network.h"

namespace larmor::cli {

namespace {

namespace fs = std::filesystem;

const std::vector<std::string> kSources = {"auto", "smp", "smp00", "pytorch", "timm", "torchscript", "safetensors"};
const std::vector<std::string> kTargets = {"smp", "smp00", "safetensors"};
constexpr const char* kFile = ".safetensors";
constexpr size_t kNamesInReport = 3;

struct ConvertOptions {
  std::string input, output;
  std::string from = "auto";
  std::string to;
  std::string recipe;
  bool overwrite = false;
};

std::string target_format(const ConvertOptions& options) {
  if (options.to.empty()) return fs::path(options.output).extension() == kFile ? "safetensors" : "smp";
  require_one_of("--to", "target", options.to, kTargets);
  return options.to;
}

/// Weights that are there may have cost days.
void require_free(const ConvertOptions& options) {
  if (options.overwrite) return;
  const fs::path output = options.output;
  const std::vector<fs::path> files =
      target_format(options) == "smp" ? std::vector{output / "config.json", output / "model.safetensors"} : std::vector{output};
  for (const fs::path& file : files) {
    if (!fs::is_regular_file(file) || fs::is_empty(file)) continue;
    throw_usage_error(fmt::format("{} is there already; --overwrite replaces it", file.string()));
  }
}

/// What --from promises, held against what the file is.
void require_source(const ConvertOptions& options, const models::StoredWeights& stored) {
  const auto has_old_names = [&] {
    std::vector<std::string> notes;
    const NamedTensors ours = models::with_our_names(stored.tensors, options.input, notes);
    const auto is_same = [](const auto& before, const auto& now) { return before.first.ends_with(now.first); };  // but for a prefix
    return !std::equal(stored.tensors.begin(), stored.tensors.end(), ours.begin(), ours.end(), is_same);
  };
  const std::map<std::string, std::function<bool()>> rules = {
      {"auto", [] { return true; }},
      {"smp", [&] { return stored.format == models::WeightsFormat::smp_folder; }},
      {"smp00", has_old_names},
      {"pytorch", [&] { return stored.format == models::WeightsFormat::pytorch; }},
      {"timm", [&] { return models::is_encoder(stored.tensors); }},
      {"torchscript", [&] { return stored.format == models::WeightsFormat::torchscript; }},
      {"safetensors", [&] { return stored.format == models::WeightsFormat::safetensors; }}};
  if (rules.at(options.from)()) return;
  throw_usage_error(fmt::format("{}: not what --from {} promises: a {} with '{}', …", options.input, options.from, stored.layout,
                                stored.tensors.empty() ? "" : printable(stored.tensors.front().first)));
}

[[noreturn]] void refuse_old_names(const std::string& input, const std::string& what) {
  throw_usage_error(fmt::format("{}: SMP 0.0.x has no names of its own for {}; it has them for {}", input, what,
                                fmt::join(models::kRenamedArchitectures, ", ")));
}

/// Today's names to those of SMP 0.0.x.
NamedTensors with_old_names(NamedTensors tensors, std::vector<std::string>& notes) {
  std::vector<std::string> renamed;
  for (auto& [name, tensor] : tensors) {
    std::string old = models::old_smp_name(name);
    if (old == name) continue;
    if (renamed.size() < kNamesInReport) renamed.push_back(fmt::format("{} -> {}", printable(name), printable(old)));
    name = std::move(old);
  }
  if (!renamed.empty()) notes.push_back(fmt::format("renamed to SMP 0.0.x: {}, …", fmt::join(renamed, ", ")));
  return tensors;
}

void print_notes(const std::vector<std::string>& notes) {
  for (const std::string& note : notes) std::cout << note << "\n";
}

/// Names alone: for weights of which nobody says what network they belong to.
int convert_names(const ConvertOptions& options, models::StoredWeights stored) {
  const std::string to = target_format(options);
  if (to == "smp") {
    throw_usage_error(options.input + ": an SMP folder needs to know the network; name it with --recipe FILE, or write --to safetensors");
  }
  std::vector<std::string> notes = std::move(stored.notes);
  NamedTensors tensors = models::with_our_names(std::move(stored.tensors), options.input, notes);
  if (models::is_encoder(tensors)) models::drop_classifier(tensors, options.input, notes);
  if (to == "smp00" && !models::has_smp_decoder(tensors)) refuse_old_names(options.input, "these tensors");
  if (to == "smp00") tensors = with_old_names(std::move(tensors), notes);
  models::require_storable_names(tensors, options.input);
  save_tensors(options.output, tensors, {{"format", "pt"}});
  print_notes(notes);
  std::cout << fmt::format("{}: {} tensors from {} ({}); not held against a network (--recipe)\n", options.output, tensors.size(),
                           options.input, stored.layout);
  return 0;
}

/// Every tensor held against the network.
int convert_network(const ConvertOptions& options) {
  const train::TrainedNetwork trained = train::load_trained(options.input, options.recipe);
  const NamedTensors state = trained.network->state_dict();
  const std::string to = target_format(options);
  const auto& renamed = models::kRenamedArchitectures;
  if (to == "smp00" && std::find(renamed.begin(), renamed.end(), trained.recipe.model.name) == renamed.end()) {
    refuse_old_names(options.input, trained.recipe.model.name);
  }
  std::vector<std::string> notes = {trained.report};
  if (to == "smp") {
    models::write_smp_folder(options.output, *trained.network, trained.recipe.model.options);
  } else if (to == "smp00") {
    save_tensors(options.output, with_old_names(state, notes), {{"format", "pt"}});
  } else {
    ConfigNode stored = ConfigNode::make_map();
    stored.set("model", *train::portable_config(trained.recipe).find("model"));
    train::save_weights(options.output, {state, to_yaml(stored), -1, "", 0});
  }
  print_notes(notes);
  std::cout << fmt::format("{}: {} tensors of {} ({} parameters) from {}\n", options.output, state.size(), trained.recipe.model.name,
                           trained.network->parameter_count(), trained.file.string());
  return 0;
}

/// Runs, SMP folders and checkpoints of Larmor know their network; other files only where a recipe names it.
bool knows_network(const ConvertOptions& options) {
  if (!options.recipe.empty() || fs::is_directory(options.input)) return true;
  if (!fs::exists(options.input)) return true;  // the message that runs and checkpoints have
  return models::is_safetensors(options.input) && !train::load_weights(options.input).recipe.empty();
}

int run_convert(const ConvertOptions& options) {
  if (options.from.empty()) throw_usage_error("--from: " + unknown_name_message("source", "", kSources, ""));
  require_one_of("--from", "source", options.from, kSources);
  require_free(options);
  const bool is_run = fs::is_directory(options.input) && !fs::exists(fs::path(options.input) / "config.json");
  if (is_run && options.from != "auto" && options.from != "safetensors") {
    throw_usage_error(fmt::format("{}: not what --from {} promises: a folder without config.json", options.input, options.from));
  }
  if (knows_network(options) && (options.from == "auto" || is_run || !fs::exists(options.input))) return convert_network(options);
  models::StoredWeights stored = models::read_stored_weights(options.input);
  require_source(options, stored);
  return knows_network(options) ? convert_network(options) : convert_names(options, std::move(stored));
}

}  // namespace

Command convert_command() {
  Command command{"convert", Group::publish, "weights between Larmor, SMP, PyTorch, TorchScript and safetensors", "", {}, "", {}};
  command.description =
      "Reads weights: a run or checkpoint of Larmor, a safetensors file, a folder of segmentation_models.pytorch (SMP), or a .pth or .pt "
      "file "
      "of PyTorch (zip, pickle or tar; state dict, checkpoint, whole network, TorchScript) of which nothing is executed. Writes an SMP "
      "folder "
      "(config.json + model.safetensors, for smp.from_pretrained) or one safetensors file, and prints what was taken, renamed, dropped and "
      "filled. Where the network is known, from the input or by --recipe, every tensor is checked against it; else only names change. "
      "smp00 are the names of SMP 0.0.x (2019), timm the encoder files of ImageNet (also timm's legacy_seresnext50_32x4d, "
      "legacy_senet154).";
  command.examples = {{"larmor convert runs/quickstart/seed-0/checkpoints/best.safetensors exported", "an SMP folder"},
                      {"larmor convert exported weights.safetensors", "back to one file that predict reads"},
                      {"larmor convert weights.safetensors exported2 --to smp", "and out again"},
                      {"larmor convert exported old.safetensors --from smp --to smp00", "names of SMP 0.0.x"}};
  command.declare = [](Arguments& arguments) {
    auto options = std::make_shared<ConvertOptions>();
    arguments.positional("input", options->input, "run, checkpoint, safetensors, .pth or .pt file, or SMP folder");
    arguments.positional("output", options->output, "folder, or file ending in .safetensors");
    arguments.option("--from", options->from, "auto, smp, smp00, pytorch, timm, torchscript or safetensors; another input is refused");
    arguments.option("--to", options->to, "smp, smp00 or safetensors; default by the name of the output");
    arguments.option("--recipe", options->recipe, "recipe whose model section names the network, for files that hold none");
    arguments.flag("--overwrite", options->overwrite, "replace weights that are there");
    return [options](const GlobalOptions&) { return run_convert(*options); };
  };
  return command;
}

}  // namespace larmor::cli
