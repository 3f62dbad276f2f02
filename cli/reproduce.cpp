#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <map>
#include <set>

#include "cli/commands.h"
#include "cli/list.h"
#include "core/config.h"
#include "core/error.h"
#include "core/interrupt.h"
#include "core/progress.h"
#include "datasets/registry.h"
#include "report/run_files.h"
#include "report/run_report.h"
#include "report/table.h"
#include "report/table_output.h"
#include "train/evaluate_run.h"
#include "train/experiment.h"
#include "train/trainer.h"

namespace larmor::cli {

namespace {

namespace fs = std::filesystem;

struct ReproduceOptions {
  std::string table;
  std::vector<std::string> overrides;
  std::string data;
  std::string base = "runs";
  int64_t seeds = 0;
  bool dry_run = false, list = false;
};

constexpr size_t kDifferencesInMessage = 3;
constexpr size_t kShownDigits = 12;  // of a fingerprint

enum class RunState { missing, unfinished, not_evaluated, done };

std::string to_text(RunState state) {
  switch (state) {
    case RunState::missing:
      return "to train";
    case RunState::unfinished:
      return "to resume";
    case RunState::not_evaluated:
      return "to evaluate";
    case RunState::done:
      return "done";
  }
  return "";
}

fs::path tables_folder() { return default_configs_folder() / "tables"; }

std::vector<std::string> table_names() {
  const fs::path folder = tables_folder();
  std::error_code failed;
  fs::directory_iterator entry(folder, failed);
  if (failed) {
    throw_usage_error(
        fmt::format("{}: tables cannot be listed: {}; run it in the folder that holds configs/, or name the file of a table: larmor "
                    "reproduce FILE.yaml",
                    folder.string(), failed.message()));
  }
  std::vector<std::string> names;
  for (; entry != fs::directory_iterator(); ++entry) {
    if (entry->path().extension() == ".yaml") names.push_back(entry->path().stem().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

/// A file, or the name of a table below configs/tables.
fs::path find_table(const std::string& table) {
  if (fs::is_regular_file(table)) return table;
  fs::path named = tables_folder() / (table + ".yaml");
  if (fs::is_regular_file(named)) return named;
  throw_usage_error(unknown_name_message("table", table, table_names(), "larmor reproduce --list"));
}

/// "lgg:FOLDER" or "FOLDER".
std::string data_root(const std::string& data) { return data.starts_with("lgg:") ? data.substr(4) : data; }

train::Recipe recipe_of(const report::TableRow& row, int64_t seed, const ReproduceOptions& options) {
  std::vector<std::string> overrides = row.overrides;
  overrides.insert(overrides.end(), options.overrides.begin(), options.overrides.end());
  if (!options.data.empty()) overrides.push_back("data.root=" + data_root(options.data));
  overrides.push_back(fmt::format("train.seed={}", seed));
  return train::read_recipe(row.recipe, overrides);
}

/// A run that was made from another recipe must not be counted in a row.
void require_same_recipe(const report::TableRow& row, const report::TableRun& run, const ReproduceOptions& options) {
  const train::Recipe wanted = recipe_of(row, run.seed, options);
  const train::RunFolder folder(run.folder);
  if (!folder.has_checkpoint()) return;
  const train::Recipe stored = train::recipe_from(read_yaml(folder.recipe()), wanted.name);
  std::vector<std::string> different = train::differences(train::deciding_config(stored), train::deciding_config(wanted));
  if (different.empty()) return;
  const size_t all = different.size();
  different.resize(std::min(all, kDifferencesInMessage));
  throw_usage_error(fmt::format(
      "{}: made from another recipe than row '{}' is now ({}{}); give another folder with --runs, or remove this run", run.folder.string(),
      row.name, fmt::join(different, "; "), all > different.size() ? fmt::format("; {} more", all - different.size()) : ""));
}

/// What the data of a recipe are now, looked up once per folder.
class Fingerprints {
 public:
  const std::string& of(const train::Recipe& recipe) {
    const std::string key = recipe.data.source + "\n" + to_yaml(recipe.data.options);
    const auto known = known_.find(key);
    if (known != known_.end()) return known->second;
    return known_[key] = datasets::registry().at(recipe.data.source).make(recipe.data.options)->fingerprint();
  }

 private:
  std::map<std::string, std::string> known_;
};

bool has_data(const train::Recipe& recipe) {
  const ConfigNode* root = recipe.data.options.find("root");
  return root != nullptr && root->is_scalar() && fs::exists(root->scalar);
}

/// A run on other data must not be counted in a row. A finished table can be printed where the data are not at hand.
void require_same_data(const report::TableRow& row, const report::TableRun& run, const ReproduceOptions& options,
                       Fingerprints& fingerprints) {
  if (!train::RunFolder(run.folder).has_checkpoint()) return;
  const train::Recipe wanted = recipe_of(row, run.seed, options);
  if (!has_data(wanted)) return;
  const report::RunFiles files = report::read_run(run.folder);
  const std::string& now = fingerprints.of(wanted);
  if (!files.start || files.start->fingerprint == now) return;
  throw_usage_error(
      fmt::format("{}: trained on other data than row '{}' is given now (fingerprint {} then, {} now); give another folder with "
                  "--runs, or remove this run",
                  run.folder.string(), row.name, files.start->fingerprint.substr(0, kShownDigits), now.substr(0, kShownDigits)));
}

/// True for an evaluation as the table asks for; `larmor eval` may have left one of another side, threshold or data set.
bool is_wanted(const report::RunFiles& files, const train::EvaluationSettings& wanted, const std::string& tta) {
  const report::EvaluationFile& file = *files.evaluation;
  const report::EvaluationRecord* evaluation = file.find(tta);
  const bool same_data = files.start && file.fingerprint == files.start->fingerprint;
  if (evaluation == nullptr || !same_data || file.checksums.size() != 1 || file.split != wanted.split) return false;
  const bool same_merge = tta == "none" || (evaluation->merge == wanted.merge && evaluation->merge_of == wanted.merge_of);
  return same_merge && file.threshold == wanted.threshold && file.largest_component == wanted.largest_component;
}

/// A damaged run is told by the table; here it only must not be taken for a finished one.
RunState state_of(const report::TableSpec& spec, const report::TableRun& run, const ReproduceOptions& options) {
  if (!train::RunFolder(run.folder).has_checkpoint()) return RunState::missing;
  const report::RunFiles files = report::read_run(run.folder);
  if (!files.end || !files.end->is_finished) return RunState::unfinished;
  if (!files.evaluation) return RunState::not_evaluated;
  const train::EvaluationSettings wanted = train::evaluation_settings(recipe_of(spec.rows[run.row], run.seed, options));
  return is_wanted(files, wanted, spec.tta) ? RunState::done : RunState::not_evaluated;
}

/// Opens the data of each row that has something to run, so that a mistake is told before the first training.
void require_usable_data(const report::TableSpec& spec, const std::vector<report::TableRun>& runs, const ReproduceOptions& options) {
  std::set<std::string> known;
  for (const report::TableRun& run : runs) {
    if (state_of(spec, run, options) == RunState::done) continue;
    const train::Recipe recipe = recipe_of(spec.rows[run.row], run.seed, options);
    const ConfigNode tree = train::to_config(recipe);
    if (known.insert(to_yaml(*tree.find("data"))).second) train::open_dataset(recipe);
  }
}

std::string command_of(const ReproduceOptions& options, int64_t seeds) {
  return fmt::format("larmor reproduce {} --seeds {}{}{}", options.table, seeds, options.overrides.empty() ? "" : " ",
                     fmt::join(options.overrides, " "));
}

/// Trains (or goes on with) one run. False: interrupted.
bool train_run(const report::TableRow& row, const report::TableRun& run, RunState state, const ReproduceOptions& options,
               const GlobalOptions& global) {
  const train::Recipe recipe = recipe_of(row, run.seed, options);
  train::TrainerSettings settings;
  settings.device = at::Device(global.device);
  settings.threads = use_threads(global.threads);
  settings.style = global.quiet ? ProgressStyle::quiet : ProgressStyle::automatic;
  settings.resume = state == RunState::unfinished;
  settings.overwrite = state == RunState::missing;  // what a run that was killed before its first checkpoint has left
  settings.command = fmt::format("larmor train {} {} train.seed={}", row.recipe, fmt::join(row.overrides, " "), run.seed);
  if (!global.quiet) settings.say = [](const std::string& line) { std::cerr << line << "\n"; };
  return train::train(recipe, train::RunFolder(run.folder), settings).finished;
}

void evaluate(const report::TableSpec& spec, const report::TableRun& run, const ReproduceOptions& options, const GlobalOptions& global) {
  train::EvaluateRequest request;
  request.weights = {run.folder.string()};
  request.data_root = data_root(options.data);
  request.tta = {spec.tta};
  request.device = at::Device(global.device);
  const train::Evaluated evaluated = train::evaluate_run(request);
  eval::write_results(run.folder, evaluated.results, *evaluated.source);
  report::write_run_report(run.folder);
}

void print_plan(const report::TableSpec& spec, const std::vector<report::TableRun>& runs, const ReproduceOptions& options,
                std::ostream& out) {
  for (const report::TableRun& run : runs) {
    out << fmt::format("{:<16} seed {}   {:<12} {}\n", spec.rows[run.row].name, run.seed, to_text(state_of(spec, run, options)),
                       run.folder.string());
  }
}

/// Does what is missing; a run that fails is told and the others go on. False: interrupted.
bool run_missing(const report::TableSpec& spec, const std::vector<report::TableRun>& runs, const ReproduceOptions& options,
                 const GlobalOptions& global, int64_t& done_now) {
  for (const report::TableRun& run : runs) {
    const RunState state = state_of(spec, run, options);
    if (state == RunState::done) continue;
    const report::TableRow& row = spec.rows[run.row];
    if (!global.quiet) std::cerr << fmt::format("\n{}, seed {}: {}\n", row.name, run.seed, to_text(state));
    try {
      if (state != RunState::not_evaluated && !train_run(row, run, state, options, global)) return false;
      evaluate(spec, run, options, global);
      ++done_now;
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::usage) throw;  // wrong for every run
      std::cerr << fmt::format("{}, seed {}: {}\n", row.name, run.seed, error.what());
    }
  }
  return true;
}

int list_tables() {
  for (const std::string& name : table_names()) {
    const report::TableSpec spec = report::read_table_spec(tables_folder() / (name + ".yaml"));
    std::cout << fmt::format("{:<20} {} ({} rows, {} seeds)\n", name, spec.title, spec.rows.size(), spec.seeds);
  }
  return 0;
}

int run_reproduce(const ReproduceOptions& options, const GlobalOptions& global) {
  if (options.list || options.table.empty()) return list_tables();
  const report::TableSpec spec = report::read_table_spec(find_table(options.table));
  const int64_t seeds = options.seeds > 0 ? options.seeds : spec.seeds;
  const std::vector<report::TableRun> runs = report::plan_runs(spec, seeds, fs::path(options.base) / "tables");
  Fingerprints fingerprints;
  for (const report::TableRun& run : runs) {
    require_same_recipe(spec.rows[run.row], run, options);
    require_same_data(spec.rows[run.row], run, options, fingerprints);
  }
  require_usable_data(spec, runs, options);
  if (options.dry_run) {
    print_plan(spec, runs, options, std::cout);
    return 0;
  }
  use_device(global.device);
  catch_interrupts(kStopsAfterStep);
  int64_t done_now = 0;
  if (!run_missing(spec, runs, options, global, done_now)) {
    std::cerr << fmt::format("stopped; the same command goes on: {}\n", command_of(options, seeds));
    return 1;
  }
  const report::TableResult table = report::collect_table(spec, runs);
  const fs::path folder = fs::path(options.base) / "tables" / spec.name;
  report::write_table(folder, table);
  std::cout << report::to_text(table) << fmt::format("{} runs ({} new) · {}\n", runs.size(), done_now, (folder / "report.html").string());
  return table.runs_counted == table.runs ? 0 : 1;
}

}  // namespace

Command reproduce_command() {
  Command command{"reproduce", Group::publish, "re-run a published table and print it beside our numbers", "", {}, "", {}};
  command.description =
      "Trains and evaluates what is missing of a table (a YAML file below configs/tables: rows, recipes, seeds, published values), resumes "
      "what "
      "was cut, and prints mean and spread over seeds, a confidence interval over patients, the difference from the reference row with a "
      "paired test, and the epochs to a given Dice, beside the published values. key=value words override every row. A run that was made "
      "from another recipe is refused.";
  command.examples = {{"larmor reproduce --list", "the tables that can be re-run"},
                      {"larmor reproduce lgg-optimizers --data ~/kaggle_3m --dry-run", "what would be run"},
                      {"larmor reproduce lgg-optimizers --data phantom --runs trial --seeds 1 train.epochs=1 data.split.kind=kfold",
                       "a trial on a phantom, in folders of its own"}};
  command.sources = "siberian-2: slides 'The Siberian Multimodal Brain Tumor Image Segmentation dataset', table 2";
  command.declare = [](Arguments& arguments) {
    auto options = std::make_shared<ReproduceOptions>();
    arguments.positional("table", options->table, "name or file of a table", false);
    arguments.positionals("key=value", options->overrides, "overrides for every row");
    arguments.option("--data", options->data, "data folder, also as lgg:FOLDER");
    arguments.option("--seeds", options->seeds, "seeds per row; 0: as the table says");
    arguments.option("--runs", options->base, "folder of runs");
    arguments.flag("--dry-run", options->dry_run, "print the plan and stop");
    arguments.flag("--list", options->list, "print the tables and stop");
    return [options](const GlobalOptions& global) { return run_reproduce(*options, global); };
  };
  return command;
}

}  // namespace larmor::cli
