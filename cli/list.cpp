#include "cli/list.h"

#include <fmt/format.h>

#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "core/config.h"
#include "core/error.h"
#include "datasets/registry.h"
#include "eval/registry.h"
#include "losses/registry.h"
#include "models/encoders/registry.h"
#include "models/registry.h"
#include "optim/registry.h"
#include "optim/schedule.h"

namespace larmor::cli {

namespace {

namespace fs = std::filesystem;

constexpr const char* kTables = "tables";  ///< folder of tables below the folder of recipes

template <class Registry>
std::vector<ListedComponent> list_registry(const Registry& registry) {
  std::vector<ListedComponent> all;
  for (const auto& component : registry.components()) {
    all.push_back({component.name, component.summary, component.source, component.docs(), std::nullopt});
  }
  return all;
}

/// The same with the size of what each component makes from default options, as `count` tells it.
template <class Registry, class Count>
std::vector<ListedComponent> list_networks(const Registry& registry, bool count_parameters, const Count& count) {
  std::vector<ListedComponent> all = list_registry(registry);
  if (!count_parameters) return all;
  for (ListedComponent& component : all) component.parameters = count(registry.at(component.name));
  return all;
}

ListedComponent::Parameters count_model(const models::Registry::Component& component) {
  const auto model = component.make(ConfigNode{}, 0);
  return {model->parameter_count(), model->used_parameter_count()};
}

/// By default every stage of an encoder is run.
ListedComponent::Parameters count_encoder(const models::encoders::Registry::Component& component) {
  const int64_t count = component.make(ConfigNode{}, {})->parameter_count();
  return {count, count};
}

std::string format_parameters(const ListedComponent::Parameters& parameters) {
  if (parameters.used == parameters.stored) return fmt::format("[{} parameters]", parameters.stored);
  return fmt::format("[{} parameters used / {} stored]", parameters.used, parameters.stored);
}

std::string scalar_at(const ConfigNode& node, const char* key) {
  const ConfigNode* const value = node.find(key);
  return value != nullptr && value->is_scalar() ? value->scalar : "";
}

/// The first sentence of a recipe's or table's own words; a file that cannot be read says so instead.
std::string describe_file(const fs::path& file) {
  try {
    const ConfigNode node = read_yaml(file);
    const std::string title = scalar_at(node, "title");
    const std::string text = title.empty() ? scalar_at(node, "description") : title;
    return text.substr(0, text.find('\n'));
  } catch (const Error& error) {
    return std::string("cannot be read: ") + error.what();
  }
}

bool is_below(const fs::path& relative, const char* folder) { return relative.begin() != relative.end() && *relative.begin() == folder; }

std::vector<ListedComponent> list_files(const fs::path& configs, bool tables) {
  if (!fs::is_directory(configs)) {
    throw_usage_error(
        fmt::format("{}: no such folder; run it in the folder that holds configs/, or name one with --configs", configs.string()));
  }
  std::vector<ListedComponent> all;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(configs)) {
    if (!entry.is_regular_file() || entry.path().extension() != ".yaml") continue;
    const fs::path relative = fs::relative(entry.path(), configs);
    if (is_below(relative, kTables) != tables) continue;
    fs::path name = tables ? relative.lexically_relative(kTables) : relative;
    all.push_back({name.replace_extension().generic_string(), describe_file(entry.path()), "", {}, std::nullopt});
  }
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return all;
}

void print_options(const std::vector<OptionDoc>& options, std::ostream& out) {
  size_t name = 0, type = 0, value = 0;
  for (const OptionDoc& option : options) {
    name = std::max(name, option.name.size());
    type = std::max(type, option.type.size());
    value = std::max(value, option.default_value.size());
  }
  for (const OptionDoc& option : options) {
    const std::string allowed = option.allowed.empty() ? "" : "; " + option.allowed;
    out << fmt::format("    {:<{}}  {:<{}}  {:<{}}  {}{}\n", option.name, name, option.type, type, option.default_value, value, option.help,
                       allowed);
  }
}

nlohmann::json to_json(const std::vector<ListedComponent>& components) {
  nlohmann::json all = nlohmann::json::array();
  for (const ListedComponent& component : components) {
    nlohmann::json options = nlohmann::json::array();
    for (const OptionDoc& option : component.options) {
      options.push_back({{"name", option.name},
                         {"type", option.type},
                         {"default", option.default_value},
                         {"allowed", option.allowed},
                         {"help", option.help}});
    }
    nlohmann::json item{
        {"name", component.name}, {"summary", component.summary}, {"source", component.source}, {"options", std::move(options)}};
    if (component.parameters) {
      item["parameters"] = component.parameters->stored;
      item["used_parameters"] = component.parameters->used;
    }
    all.push_back(std::move(item));
  }
  return all;
}

struct ListOptions {
  std::string kind;
  std::string configs;
  bool parameters = false;
};

int run_list(const ListOptions& options, const GlobalOptions& global) {
  if (options.kind.empty()) {
    for (const std::string& kind : listed_kinds()) std::cout << kind << "\n";
    return 0;
  }
  const fs::path configs = options.configs.empty() ? default_configs_folder() : fs::path(options.configs);
  const std::vector<ListedComponent> components = list_components(options.kind, configs, options.parameters);
  if (global.json) {
    std::cout << to_json(components).dump(2) << "\n";
  } else {
    print_components(components, std::cout);
  }
  return 0;
}

}  // namespace

std::vector<std::string> listed_kinds() {
  return {"models", "encoders", "losses", "optimizers", "schedules", "sources", "tasks", "recipes", "tables"};
}

std::vector<ListedComponent> list_components(const std::string& kind, const fs::path& configs, bool count_parameters) {
  if (kind == "models") {
    return list_networks(models::registry(), count_parameters, count_model);
  }
  if (kind == "encoders") {
    return list_networks(models::encoders::registry(), count_parameters, count_encoder);
  }
  if (kind == "losses") return list_registry(losses::registry());
  if (kind == "optimizers") return list_registry(optim::registry());
  if (kind == "schedules") return list_registry(optim::schedules::registry());
  if (kind == "sources") return list_registry(datasets::registry());
  if (kind == "tasks") return list_registry(eval::registry());
  if (kind == "recipes" || kind == kTables) return list_files(configs, kind == kTables);
  throw_usage_error(unknown_name_message("kind", kind, listed_kinds(), ""));
}

void print_components(const std::vector<ListedComponent>& components, std::ostream& out) {
  size_t width = 0;
  for (const ListedComponent& component : components) width = std::max(width, component.name.size());
  for (const ListedComponent& component : components) {
    out << fmt::format("{:<{}}  {}", component.name, width, component.summary);
    if (component.parameters) out << "  " << format_parameters(*component.parameters);
    if (!component.source.empty()) out << fmt::format("  ({})", component.source);
    out << "\n";
    print_options(component.options, out);
  }
}

fs::path default_configs_folder() {
  std::error_code ignored;
  const fs::path program = fs::read_symlink("/proc/self/exe", ignored);
  const fs::path installed = program.parent_path().parent_path() / "share" / "larmor" / "configs";
  return !fs::is_directory("configs") && fs::is_directory(installed) ? installed : fs::path("configs");
}

Command list_command() {
  Command command{"list", Group::about, "models, losses, optimizers … with their options", "", {}, "", {}};
  command.takes_json = true;
  command.description =
      "Prints what a recipe may name, with a line of description, options, types and defaults: models, encoders, losses, optimizers, "
      "schedules, sources, tasks; and the recipes and tables below configs/. Without KIND it prints the kinds.";
  command.examples = {{"larmor list models --params", "architectures with their numbers of parameters, used and stored"},
                      {"larmor list optimizers", "every optimizer with its options"},
                      {"larmor list losses --json", "the same for machines"}};
  command.declare = [](Arguments& arguments) {
    auto options = std::make_shared<ListOptions>();
    arguments.positional("kind", options->kind, "models, encoders, losses, optimizers, schedules, sources, tasks, recipes or tables",
                         false);
    arguments.option("--configs", options->configs, "folder of recipes; default ./configs, else the installed one");
    arguments.flag("--params", options->parameters, "build models and encoders with their defaults and count parameters");
    return [options](const GlobalOptions& global) { return run_list(*options, global); };
  };
  return command;
}

}  // namespace larmor::cli
