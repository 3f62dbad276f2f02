#include "cli/help.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>
#include <iostream>

#include "cli/commands.h"
#include "core/error.h"
#include "core/version.h"
#include "datasets/registry.h"
#include "eval/registry.h"
#include "losses/registry.h"
#include "models/encoders/registry.h"
#include "models/registry.h"
#include "optim/registry.h"
#include "optim/schedule.h"
#include "train/recipe.h"

namespace larmor::cli {

namespace {

struct GroupText {
  Group group;
  const char* name;
  const char* what;
};

constexpr GroupText kGroups[] = {{Group::data, "data", "what is there, make some"},
                                 {Group::run, "run", "train, score, use"},
                                 {Group::publish, "publish", "tables, reports, exchange"},
                                 {Group::about, "about", "what this program can do here"}};

/// One argument as the help prints it.
struct ArgumentText {
  std::string names, type, default_value, help;
};

/// Collects declarations instead of parsing.
class ArgumentTexts : public Arguments {
 public:
  void positional(const std::string& name, std::string& target, const std::string& help, bool required) override {
    add_positional(required ? name : "[" + name + "]", target, help);
  }
  void positionals(const std::string& name, std::vector<std::string>&, const std::string& help, bool required) override {
    add_positional(required ? name + "…" : "[" + name + "…]", "", help);
  }
  void option(const std::string& names, std::string& target, const std::string& help) override {
    options.push_back({names, "text", target, help});
  }
  void option(const std::string& names, int64_t& target, const std::string& help) override {
    options.push_back({names, "integer", std::to_string(target), help});
  }
  void option(const std::string& names, double& target, const std::string& help) override {
    options.push_back({names, "number", std::isnan(target) ? "" : fmt::format("{}", target), help});  // not a number: none is set
  }
  void option(const std::string& names, std::vector<std::string>& target, const std::string& help) override {
    options.push_back({names, "list", fmt::format("{}", fmt::join(target, ",")), help});
  }
  void flag(const std::string& names, bool&, const std::string& help) override { options.push_back({names, "", "", help}); }

  std::string synopsis;
  std::vector<ArgumentText> positional_texts, options;

 private:
  void add_positional(const std::string& name, const std::string& default_value, const std::string& help) {
    synopsis += " " + name;
    positional_texts.push_back({name, "", default_value, help});
  }
};

void print_argument(const ArgumentText& argument, std::ostream& out) {
  const std::string left = argument.type.empty() ? argument.names : argument.names + " <" + argument.type + ">";
  const std::string right =
      argument.default_value.empty() ? argument.help : fmt::format("{} (default {})", argument.help, argument.default_value);
  out << fmt::format("  {:<28} {}\n", left, right);
}

void print_options_table(const std::vector<OptionDoc>& docs, std::ostream& out) {
  if (docs.empty()) return;
  out << "| key | type | default | allowed | what it does |\n|---|---|---|---|---|\n";
  for (const OptionDoc& doc : docs) {
    const auto cell = [](std::string text) {
      for (size_t i = 0; (i = text.find('|', i)) != std::string::npos; i += 2) text.insert(i, "\\");
      return text;
    };
    out << fmt::format("| `{}` | {} | `{}` | {} | {} |\n", doc.name, doc.type, doc.default_value, cell(doc.allowed), cell(doc.help));
  }
  out << "\n";
}

template <class Registry>
void print_components(const Registry& registry, const std::string& section, std::ostream& out) {
  for (const auto& component : registry.components()) {
    out << fmt::format("### {} `{}`\n\n{}. {}\n\n", registry.singular(), component.name, component.summary,
                       component.source.empty() ? "" : "Source: " + component.source + ".");
    std::vector<OptionDoc> docs = component.docs();
    for (OptionDoc& doc : docs) doc.name = section + doc.name;
    print_options_table(docs, out);
  }
}

struct HelpOptions {
  std::string topic;
};

int run_help(const HelpOptions& options) {
  const std::vector<Command> commands = all_commands();
  if (options.topic.empty()) {
    print_overview(commands, std::cout);
    return 0;
  }
  if (options.topic == "recipe") {
    print_recipe_reference(std::cout);
    return 0;
  }
  std::vector<std::string> names{"recipe"};
  for (const Command& command : commands) {
    if (command.name == options.topic) {
      print_command_help(command, std::cout);
      return 0;
    }
    names.push_back(command.name);
  }
  throw_usage_error(unknown_name_message("help topic", options.topic, names, ""));
}

}  // namespace

void print_overview(const std::vector<Command>& commands, std::ostream& out) {
  out << fmt::format("larmor {}   training and benchmarking of MRI networks\n\n", kVersion);
  for (const GroupText& group : kGroups) {
    std::vector<std::string> names;
    for (const Command& command : commands) {
      if (command.group == group.group) names.push_back(command.name);
    }
    out << fmt::format("  {:<9} {:<44} {}\n", group.name, fmt::format("{}", fmt::join(names, " · ")), group.what);
  }
  out << "\n  larmor help train          options, with an example\n"
         "  larmor help recipe         every key of a recipe\n"
         "  larmor reproduce --list    the published tables that can be re-run\n";
}

void print_command_help(const Command& command, std::ostream& out) {
  ArgumentTexts texts;
  command.declare(texts);
  out << fmt::format("larmor {}{} [options]\n\n{}\n", command.name, texts.synopsis,
                     command.description.empty() ? command.summary : command.description);
  if (!texts.positional_texts.empty()) out << "\narguments\n";
  for (const ArgumentText& argument : texts.positional_texts) print_argument(argument, out);
  out << "\noptions\n";
  for (const ArgumentText& argument : texts.options) print_argument(argument, out);
  print_argument({"--device", "text", "cpu", "cpu, cuda or cuda:<index>"}, out);
  print_argument({"--threads", "integer", "0", "compute threads; 0: one per core"}, out);
  if (command.takes_seed) print_argument({"--seed", "integer", "", "random seed"}, out);
  print_argument({"--quiet", "", "", "no progress, errors only"}, out);
  if (command.takes_json) print_argument({"--json", "", "", "results as JSON on stdout"}, out);
  if (!command.examples.empty()) out << "\nexamples\n";
  for (const Example& example : command.examples) out << fmt::format("  {}\n      {}\n", example.line, example.what);
  out << "\nexit codes   0 done · 1 failed while running · 2 wrong use or wrong recipe · 3 bad data\n";
  if (!command.sources.empty()) out << "\nsources      " << command.sources << "\n";
}

void print_recipe_reference(std::ostream& out) {
  out << "# Recipe keys\n\nMade by `larmor help recipe`. A section with a `name` (data: `source`) also takes the options of the component "
         "it names.\n\n"
         "## All recipes\n\n";
  print_options_table(train::recipe_docs(), out);
  out << "## Sources: `data.source`\n\n";
  print_components(datasets::registry(), "data.", out);
  out << "## Models: `model.name`\n\n";
  print_components(models::registry(), "model.", out);
  out << "## Encoders: `model.encoder`\n\n";
  print_components(models::encoders::registry(), "model.", out);
  out << "## Tasks: `task.name`\n\n";
  print_components(eval::registry(), "task.", out);
  out << "## Losses: `loss`, options in `loss_options.<name>`\n\n";
  for (const auto& component : losses::registry().components()) {
    out << fmt::format("### loss `{}`\n\n{}.\n\n", component.name, component.summary);
    std::vector<OptionDoc> docs = component.docs();
    for (OptionDoc& doc : docs) doc.name = fmt::format("loss_options.{}.{}", component.name, doc.name);
    print_options_table(docs, out);
  }
  out << "## Optimizers: `optim.name`\n\n";
  print_components(optim::registry(), "optim.", out);
  out << "## Schedules: `optim.schedule.name`\n\n";
  print_components(optim::schedules::registry(), "optim.schedule.", out);
}

Command help_command() {
  Command command{"help", Group::about, "this overview, or the options of one command", "", {}, "", {}};
  command.description =
      "Prints the overview, the options of a command, or with the topic `recipe` every key that a recipe may hold, as Markdown.";
  command.examples = {{"larmor help train", "the options of train, with examples"}, {"larmor help recipe", "all recipe keys"}};
  command.declare = [](Arguments& arguments) {
    auto options = std::make_shared<HelpOptions>();
    arguments.positional("topic", options->topic, "a command, or recipe", false);
    return [options](const GlobalOptions&) { return run_help(*options); };
  };
  return command;
}

}  // namespace larmor::cli
