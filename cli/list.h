// What there is to name in a recipe, read from the same registries that check it.
#pragma once
#include <cstdint>
#include <filesystem>
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include "core/options.h"

namespace larmor::cli {

/// One line of `larmor list`, with its options.
struct ListedComponent {
  std::string name;
  std::string summary;
  std::string source;              ///< paper or project, "" when none
  std::vector<OptionDoc> options;  ///< with defaults
  /// With default options; only where it was asked for.
  struct Parameters {
    int64_t stored = 0;
    int64_t used = 0;  ///< by the forward pass
  };
  std::optional<Parameters> parameters;
};

/// models, encoders, losses, optimizers, schedules, sources, tasks, recipes, tables.
std::vector<std::string> listed_kinds();

/// Everything of one kind. `configs` is the folder of recipes and tables; `count_parameters` builds every network once.
/// Error (usage): an unknown kind; (data): no such folder.
std::vector<ListedComponent> list_components(const std::string& kind, const std::filesystem::path& configs, bool count_parameters);

/// Names and summaries, options indented below.
void print_components(const std::vector<ListedComponent>& components, std::ostream& out);

/// ./configs where it exists, else share/larmor/configs beside the installed program.
std::filesystem::path default_configs_folder();

}  // namespace larmor::cli
