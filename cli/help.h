// `larmor`, `larmor help`, `larmor help COMMAND`, `larmor help recipe`.
#pragma once
#include <iosfwd>
#include <string>
#include <vector>

#include "cli/command.h"

namespace larmor::cli {

/// The one screen that `larmor` prints: commands by group.
void print_overview(const std::vector<Command>& commands, std::ostream& out);
/// Synopsis, paragraph, arguments with type and default, examples, exit codes, sources.
void print_command_help(const Command& command, std::ostream& out);
/// All keys of a recipe as a Markdown page (docs/reference/recipe.md is this text).
void print_recipe_reference(std::ostream& out);

}  // namespace larmor::cli
