// Binds commands to CLI11 and turns errors into exit codes. The only unit that knows CLI11.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <iostream>
#include <new>

#include "cli/command.h"
#include "cli/help.h"
#include "core/error.h"
#include "core/version.h"

namespace larmor::cli {

namespace {

/// CLI11 takes the largest number for one that is too large, and does not name the type of a value that it cannot convert.
std::string check_integer(const std::string& text) {
  errno = 0;
  std::strtoll(text.c_str(), nullptr, 0);
  if (errno == ERANGE) return in_quotes(text) + " is out of range for an integer";
  int64_t value = 0;
  return CLI::detail::lexical_cast(text, value) ? "" : in_quotes(text) + " is not an integer";
}

std::string check_number(const std::string& text) {
  double value = 0;
  return CLI::detail::lexical_cast(text, value) ? "" : in_quotes(text) + " is not a number";
}

/// Forwards declarations to one CLI11 subcommand.
class CliArguments : public Arguments {
 public:
  explicit CliArguments(CLI::App& app) : app_(app) {}
  void positional(const std::string& name, std::string& target, const std::string& help, bool required) override {
    app_.add_option(plain(name), target, help)->required(required);
  }
  void positionals(const std::string& name, std::vector<std::string>& target, const std::string& help, bool required) override {
    app_.add_option(plain(name), target, help)->required(required);
  }
  void option(const std::string& names, std::string& target, const std::string& help) override {
    app_.add_option(names, target, help)->capture_default_str();
  }
  void option(const std::string& names, int64_t& target, const std::string& help) override {
    app_.add_option(names, target, help)->check(check_integer)->capture_default_str();
  }
  void option(const std::string& names, double& target, const std::string& help) override {
    app_.add_option(names, target, help)->check(check_number)->capture_default_str();
  }
  void option(const std::string& names, std::vector<std::string>& target, const std::string& help) override {
    // One word per option: "a,b" is split, and the next word stays free for positionals.
    app_.add_option(names, target, help)->delimiter(',')->allow_extra_args(false);
  }
  void flag(const std::string& names, bool& target, const std::string& help) override { app_.add_flag(names, target, help); }

 private:
  /// CLI11 allows no '=' in names of positionals.
  static std::string plain(std::string name) {
    std::replace(name.begin(), name.end(), '=', '_');
    return name;
  }
  CLI::App& app_;
};

void add_global_options(CLI::App& app, const Command& command, GlobalOptions& global) {
  app.add_option("--device", global.device, "cpu, cuda or cuda:<index>")->capture_default_str();
  app.add_option("--threads", global.threads, "compute threads; 0: one per core")->check(check_integer)->capture_default_str();
  if (command.takes_seed) app.add_option("--seed", global.seed, "random seed")->check(check_integer);
  app.add_flag("--quiet", global.quiet, "no progress, errors only");
  if (command.takes_json) app.add_flag("--json", global.json, "results as JSON on stdout");
}

std::vector<std::string> command_names(const std::vector<Command>& commands) {
  std::vector<std::string> names;
  names.reserve(commands.size());
  for (const Command& command : commands) names.push_back(command.name);
  return names;
}

std::vector<std::string> option_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
    for (const std::string& name : option->get_snames()) names.push_back("-" + name);
  }
  return names;
}

std::string positional_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_positional()) names.push_back(option->get_name());
  }
  return names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", "));
}

/// A word that nothing takes: a mistyped option, or one word too many.
std::string unexpected_word(const CLI::App& app) {
  const std::vector<std::string> words = app.remaining();
  const auto option = std::find_if(words.begin(), words.end(), [](const std::string& word) { return word.starts_with("-"); });
  if (option != words.end()) return unknown_name_message("option", option->substr(0, option->find('=')), option_names(app), "");
  return fmt::format("{} is a word too many; words without an option: {}", in_quotes(words.front()), positional_names(app));
}

/// CLI11's error as one line in our form.
std::string parse_message(const CLI::ParseError& error, const CLI::App& app) {
  if (dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr && !app.remaining().empty()) return unexpected_word(app);
  std::string text = error.what();
  std::replace(text.begin(), text.end(), '\n', ' ');
  const size_t colon = text.find(": ");
  if (dynamic_cast<const CLI::ArgumentMismatch*>(&error) == nullptr || colon == std::string::npos) return text;
  return text.substr(0, colon) + (text.find("At Most") == std::string::npos ? ": a value is missing" : ": stands more than once");
}

int report_parse_error(const CLI::ParseError& error, const CLI::App& app, const std::string& command) {
  fmt::print(stderr, "larmor {0}: {1} (larmor help {0})\n", command, parse_message(error, app));
  return static_cast<int>(ErrorKind::usage);
}

int run_command(const Command& command, int argc, const char* const* argv) {
  CLI::App app;
  GlobalOptions global;
  CliArguments arguments(app);
  const Command::Run run = command.declare(arguments);
  add_global_options(app, command, global);
  app.set_help_flag();
  bool wants_help = false;
  app.add_flag("-h,--help", wants_help, "this text");
  for (int i = 2; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "-h" || word == "--help") {
      print_command_help(command, std::cout);
      return 0;
    }
  }
  try {
    std::vector<std::string> words(argv + 2, argv + argc);
    std::reverse(words.begin(), words.end());  // CLI11 takes them last first
    app.parse(words);
  } catch (const CLI::ParseError& error) {
    return report_parse_error(error, app, command.name);
  }
  return run(global);
}

int dispatch(int argc, const char* const* argv) {
  const std::vector<Command> commands = all_commands();
  if (argc < 2) {
    print_overview(commands, std::cout);
    return 0;
  }
  const std::string name = argv[1];
  if (name == "--version") {
    fmt::print("larmor {}\n", kVersion);
    return 0;
  }
  if (name == "-h" || name == "--help") {
    print_overview(commands, std::cout);
    return 0;
  }
  for (const Command& command : commands) {
    if (command.name == name) return run_command(command, argc, argv);
  }
  throw_usage_error(unknown_name_message("command", name, command_names(commands), "larmor help"));
}

int fail(const std::string& message, ErrorKind kind) {
  fmt::print(stderr, "{}\n", message);
  return static_cast<int>(kind);
}

}  // namespace

int run_program(int argc, const char* const* argv) {
  std::signal(SIGXFSZ, SIG_IGN);  // a limit on file sizes is then an error of the write, which says which file
  try {
    return dispatch(argc, argv);
  } catch (const Error& error) {
    return fail(error.what(), error.kind());
  } catch (const std::filesystem::filesystem_error& error) {
    const std::string place = error.path1().string();
    return fail((place.empty() ? "" : place + ": ") + error.code().message(), ErrorKind::run);
  } catch (const std::bad_alloc&) {
    return fail("out of memory: lower data.batch, data.cache_mib or data.size", ErrorKind::run);
  } catch (const std::exception& error) {
    const std::string text = error.what();
    return fail("internal error: " + text.substr(0, text.find('\n')), ErrorKind::run);
  }
}

}  // namespace larmor::cli
