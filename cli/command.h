// A command of the program: what it takes, what it prints, what it does.
//
// One file per command with one function `Command <name>_command()`; cli/commands.cpp lists them. A command declares its arguments
// on an `Arguments` object (CLI11 is behind it, in one unit only) and returns what to run once they are parsed:
//
//   Command phantom_command() {
//     Command command{"phantom", Group::data, "write a synthetic data set"};
//     command.description = "…";  command.examples = {{"larmor phantom lgg /tmp/lgg", "12 patients in the LGG layout"}};
//     command.declare = [](Arguments& arguments) {
//       auto options = std::make_shared<PhantomCommandOptions>();
//       arguments.positional("source", options->source, "which layout: lgg");
//       arguments.option("--seed", options->seed, "random seed");
//       return [options](const GlobalOptions& global) { return run_phantom(*options, global); };
//     };
//     return command;
//   }
//
// run_* functions throw larmor::Error; main prints it and returns its exit code. Results go to stdout, talk to stderr.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace larmor::cli {

/// Options that every command takes; --seed and --json only those that say so.
struct GlobalOptions {
  std::string device = "cpu";   ///< cpu | cuda | cuda:<index>
  int64_t threads = 0;          ///< compute threads; 0: one per physical core
  std::optional<int64_t> seed;  ///< overrides train.seed and the like
  bool quiet = false;           ///< no progress, errors only
  bool json = false;            ///< results as JSON on stdout
};

/// Declares arguments; the references must live until the command has run (keep them in a shared_ptr, see above).
class Arguments {
 public:
  virtual ~Arguments() = default;
  virtual void positional(const std::string& name, std::string& target, const std::string& help, bool required = true) = 0;
  /// All remaining words.
  virtual void positionals(const std::string& name, std::vector<std::string>& target, const std::string& help, bool required = false) = 0;
  virtual void option(const std::string& names, std::string& target, const std::string& help) = 0;
  virtual void option(const std::string& names, int64_t& target, const std::string& help) = 0;
  virtual void option(const std::string& names, double& target, const std::string& help) = 0;
  /// Comma separated or repeated.
  virtual void option(const std::string& names, std::vector<std::string>& target, const std::string& help) = 0;
  virtual void flag(const std::string& names, bool& target, const std::string& help) = 0;
};

enum class Group { data, run, publish, about };

struct Example {
  std::string line;  ///< works on phantom data as it stands
  std::string what;
};

struct Command {
  std::string name;
  Group group = Group::run;
  std::string summary;      ///< one line for the list
  std::string description;  ///< one paragraph for the help
  std::vector<Example> examples;
  std::string sources;  ///< papers, "" when none
  using Run = std::function<int(const GlobalOptions& global)>;
  std::function<Run(Arguments& arguments)> declare;
  bool takes_seed = false, takes_json = false;  ///< --seed, --json: refused where they would change nothing
};

/// All commands in the order of the help.
std::vector<Command> all_commands();

/// Parses and runs; returns the exit code. Errors are printed to stderr, one line each.
int run_program(int argc, const char* const* argv);

/// "cuda:1" → checked name; opens the CUDA plugin when it is a CUDA device (Error (run) says what is missing).
void use_device(const std::string& device);
/// Error (usage) when `value` is given and none of `allowed`: "--merge: unknown merge 'median'; nearest: 'mean'".
void require_one_of(const std::string& option, const std::string& what, const std::string& value, const std::vector<std::string>& allowed);
/// Error (usage) for a value out of [low, high].
void require_between(const std::string& option, int64_t value, int64_t low, int64_t high);
/// Error (usage) when `path`, or a part of it, is something else than a folder; it need not exist.
void require_folder(const std::string& option, const std::string& path);
/// Error (usage) when `path` is the folder of the data, or below it; "" for data that have none.
void require_apart(const std::string& option, const std::string& path, const std::string& data);
/// Sets the number of compute threads of LibTorch (0: physical cores) and returns it.
int64_t use_threads(int64_t threads);

}  // namespace larmor::cli
