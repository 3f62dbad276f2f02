#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <iostream>
#include <set>
#include <thread>

#include "cli/commands.h"
#include "cli/jobs.h"
#include "cli/list.h"
#include "cli/table_estimate.h"
#include "cli/table_work.h"
#include "core/error.h"
#include "core/files.h"
#include "core/interrupt.h"
#include "core/progress.h"
#include "report/table.h"
#include "report/table_output.h"

namespace larmor::cli {

namespace {

namespace fs = std::filesystem;

constexpr int64_t kMostJobs = 1024;

struct ReproduceOptions {
  std::string table;
  std::vector<std::string> overrides;
  std::string data;
  std::string base = "runs";
  std::vector<std::string> only, sides;
  int64_t seeds = 0;
  int64_t jobs = 1;
  bool full = false, dry_run = false, list = false;
};

/// What was done now, and how it ended.
struct Done {
  int64_t runs = 0;
  bool is_interrupted = false;
};

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

std::string command_of(const ReproduceOptions& options, int64_t seeds) {
  std::string line = "larmor reproduce " + options.table;
  for (const std::string& assignment : options.overrides) line += " " + assignment;
  line += fmt::format(" --seeds {} --runs {}", seeds, options.base);
  if (!options.data.empty()) line += " --data " + options.data;
  if (!options.sides.empty()) line += fmt::format(" --sides {}", fmt::join(options.sides, ","));
  if (options.full) line += " --full";
  if (options.jobs > 1) line += fmt::format(" --jobs {}", options.jobs);
  if (!options.only.empty()) line += fmt::format(" --only {}", fmt::join(options.only, ","));
  return line;
}

fs::path table_folder(const ReproduceOptions& options) { return fs::path(options.base) / "tables"; }

/// "adam/seed-0/fold-1": how --only names a run.
std::string path_in_table(const report::TableRun& run, const TableWork& work) {
  return run.folder.lexically_relative(work.plan().folder).generic_string();
}

/// True for a run that --only names, or names a folder above of ("adam").
bool is_chosen(const std::string& path, const std::vector<std::string>& only) {
  return only.empty() ||
         std::any_of(only.begin(), only.end(), [&](const std::string& one) { return path == one || path.starts_with(one + "/"); });
}

void require_known_choice(const TableWork& work, const ReproduceOptions& options) {
  std::vector<std::string> paths;
  paths.reserve(work.plan().runs.size());
  for (const report::TableRun& run : work.plan().runs) paths.push_back(path_in_table(run, work));
  for (const std::string& one : options.only) {
    if (std::any_of(paths.begin(), paths.end(), [&](const std::string& path) { return is_chosen(path, {one}); })) continue;
    throw_usage_error("--only: " + unknown_name_message("run", one, paths, "--dry-run lists them"));
  }
}

/// What has to be done, in the order of the plan.
struct Missing {
  std::vector<size_t> runs;
  std::vector<size_t> scores;
};

Missing find_missing(const TableWork& work, const ReproduceOptions& options) {
  Missing missing;
  const report::TablePlan& plan = work.plan();
  const auto is_wanted = [&](size_t run) { return is_chosen(path_in_table(plan.runs[run], work), options.only); };
  for (size_t i = 0; i < plan.runs.size(); ++i) {
    if (is_wanted(i) && work.state_of(plan.runs[i]) != RunState::trained) missing.runs.push_back(i);
  }
  for (size_t i = 0; i < plan.scores.size(); ++i) {
    const std::vector<size_t>& runs = plan.scores[i].runs;
    if (std::all_of(runs.begin(), runs.end(), is_wanted) && !work.is_scored(plan.scores[i])) missing.scores.push_back(i);
  }
  return missing;
}

/// Runs a part of the work; a failure is told and the others go on, but for one that would meet every run.
bool attempt(const std::string& name, const std::function<bool()>& part) {
  try {
    return part();
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::usage) throw;
    std::cerr << fmt::format("{}: {}\n", name, error.what());
    return true;
  }
}

/// Does what is missing in this process.
class Worker {
 public:
  Worker(const TableWork& work, Missing missing, const GlobalOptions& global)
      : work_(work), missing_(std::move(missing)), global_(global) {}

  /// Each run with its evaluations, one after another. False: interrupted.
  bool train_in_turn() {
    for (const size_t i : missing_.runs) {
      const report::TableRun& run = work_.plan().runs[i];
      if (!global_.quiet) std::cerr << fmt::format("\n{}: {}\n", work_.name_of(run), to_text(work_.state_of(run)));
      if (!attempt(work_.name_of(run), [&] { return work_.train(run, global_); })) return false;
      evaluate([i](const report::TableScore& score) { return std::find(score.runs.begin(), score.runs.end(), i) != score.runs.end(); });
    }
    return !interrupted();
  }

  /// Those of the missing evaluations that are chosen, not tried yet, and whose runs are trained.
  void evaluate(const std::function<bool(const report::TableScore&)>& is_chosen_score) {
    for (const size_t i : missing_.scores) {
      const report::TableScore& score = work_.plan().scores[i];
      if (interrupted()) return;
      if (tried_.contains(i) || !is_chosen_score(score) || !is_ready(score)) continue;
      tried_.insert(i);
      attempt(work_.name_of(score), [&] {
        if (!work_.is_scored(score)) work_.evaluate(score, global_);  // else a process of its own was here
        ++evaluated;
        return true;
      });
    }
  }

  int64_t evaluated = 0;

 private:
  bool is_ready(const report::TableScore& score) const {
    return std::all_of(score.runs.begin(), score.runs.end(),
                       [&](size_t run) { return work_.state_of(work_.plan().runs[run]) == RunState::trained; });
  }

  const TableWork& work_;
  const Missing missing_;
  const GlobalOptions& global_;
  std::set<size_t> tried_;  ///< one that fails is told once
};

/// The same command for one run, for a process of its own.
Job job_of(const TableWork& work, const report::TableRun& run, int64_t seeds, const ReproduceOptions& options,
           const GlobalOptions& global) {
  const std::string path = path_in_table(run, work);
  const auto cores = static_cast<int64_t>(std::max(1U, std::thread::hardware_concurrency()));
  const int64_t threads = global.threads > 0 ? global.threads : std::max<int64_t>(1, cores / options.jobs);
  Job job{work.name_of(run), {own_program().string(), "reproduce", options.table}, {}};
  job.words.insert(job.words.end(), options.overrides.begin(), options.overrides.end());
  for (const std::string& word :
       {std::string("--only"), path, std::string("--seeds"), std::to_string(seeds), std::string("--runs"), options.base,
        std::string("--threads"), std::to_string(threads), std::string("--device"), global.device, std::string("--quiet")}) {
    job.words.push_back(word);
  }
  if (!options.data.empty()) job.words.insert(job.words.end(), {"--data", options.data});
  if (!options.sides.empty()) job.words.insert(job.words.end(), {"--sides", fmt::format("{}", fmt::join(options.sides, ","))});
  if (options.full) job.words.emplace_back("--full");
  std::string name = path;
  std::replace(name.begin(), name.end(), '/', '_');
  job.log = work.plan().folder / "logs" / (name + ".log");
  return job;
}

/// Trains and evaluates each run in a process of its own, some at a time. False: interrupted.
bool train_side_by_side(const TableWork& work, const std::vector<size_t>& runs, int64_t seeds, const ReproduceOptions& options,
                        const GlobalOptions& global) {
  std::vector<Job> jobs;
  jobs.reserve(runs.size());
  for (const size_t i : runs) jobs.push_back(job_of(work, work.plan().runs[i], seeds, options, global));
  int64_t ended = 0;
  const JobsResult result = run_jobs(jobs, options.jobs, [&](const Job& job, int code, double seconds) {
    ++ended;
    if (code == 0 && global.quiet) return;
    const std::string how = code == 0       ? "done"
                            : interrupted() ? "stopped"
                                            : fmt::format("failed with exit code {}, see {}", code, job.log.string());
    std::cerr << fmt::format("{:>4}/{}  {}: {} in {}\n", ended, jobs.size(), job.name, how, format_clock(seconds));
  });
  return !result.is_interrupted;
}

Done do_missing(const TableWork& work, int64_t seeds, const ReproduceOptions& options, const GlobalOptions& global) {
  const Missing missing = find_missing(work, options);
  Worker worker(work, missing, global);
  const bool is_alone = missing.runs.size() < 2;  // and so is a process that another one has started
  const bool in_turn = is_alone || (options.jobs == 1 && !work.spec().costs);
  const bool is_whole = in_turn ? worker.train_in_turn() : train_side_by_side(work, missing.runs, seeds, options, global);
  if (is_whole) worker.evaluate([](const report::TableScore&) { return true; });
  return {worker.evaluated, !is_whole || interrupted()};
}

int list_tables() {
  for (const std::string& name : table_names()) {
    const report::TableSpec spec = report::read_table_spec(tables_folder() / (name + ".yaml"));
    std::cout << fmt::format("{:<20} {} ({}, {}{})\n", name, spec.title, counted(static_cast<int64_t>(spec.rows.size()), "row"),
                             counted(spec.seeds, "seed"), spec.folds > 0 ? ", " + counted(spec.folds, "fold") : "");
  }
  return 0;
}

int print_table(const TableWork& work, const Done& done) {
  const report::TableResult table = report::collect_table(work.spec(), work.plan());
  const fs::path& folder = work.plan().folder;
  report::write_table(folder, table);
  std::cout << report::to_text(table)
            << fmt::format("{} ({} new) · {}\n", counted(table.runs, "run"), done.runs, (folder / "report.html").string());
  return table.runs_counted == table.runs ? 0 : 1;
}

/// For --only: whether what it names is there now.
int print_chosen(const TableWork& work, const Done& done, const ReproduceOptions& options) {
  const Missing left = find_missing(work, options);
  std::cout << fmt::format("{} new, {} missing\n", counted(done.runs, "evaluation"), left.runs.size() + left.scores.size());
  return left.runs.empty() && left.scores.empty() ? 0 : 1;
}

void require_allowed(const ReproduceOptions& options) {
  require_between("--jobs", options.jobs, 1, kMostJobs);
  require_between("--seeds", options.seeds, 0, report::kMostSeeds);
  require_folder("--runs", options.base);
}

int run_reproduce(const ReproduceOptions& options, const GlobalOptions& global) {
  if (options.list || options.table.empty()) return list_tables();
  require_allowed(options);
  report::TableSpec spec = report::read_table_spec(find_table(options.table), options.full);
  report::override_rows(spec, options.overrides);
  if (!options.sides.empty()) report::override_sides(spec, options.sides);
  const int64_t seeds = options.seeds > 0 ? options.seeds : spec.seeds;
  const TableWork work(spec, report::plan_table(spec, seeds, table_folder(options)), options.data);
  require_known_choice(work, options);
  work.require_matching_runs();
  work.require_usable_data();
  if (options.dry_run) {
    const Missing missing = find_missing(work, options);
    print_plan(work, missing.runs, missing.scores, std::cout);
    use_device(global.device);
    use_threads(global.threads);
    print_estimate(work, missing.runs, options.jobs, global, std::cout);
    return 0;
  }
  use_device(global.device);
  catch_interrupts(kStopsAfterStep);
  make_folder(work.plan().folder);  // told once, and not of each run
  const Done done = do_missing(work, seeds, options, global);
  if (done.is_interrupted) {
    std::cerr << fmt::format("stopped; the same command goes on: {}\n", command_of(options, seeds));
    return 1;
  }
  return options.only.empty() ? print_table(work, done) : print_chosen(work, done, options);
}

}  // namespace

Command reproduce_command() {
  Command command{"reproduce", Group::publish, "re-run a published table and print it beside our numbers", "", {}, "", {}};
  command.description =
      "Trains and evaluates what is missing of a table (a YAML file below configs/tables: rows, recipes, seeds, published values), resumes "
      "what "
      "was cut, and prints mean and spread over seeds, a confidence interval over patients, the difference from the reference row with a "
      "paired test, and the epochs to a given Dice, beside the published values. key=value words override every row. A run that was made "
      "from another recipe is refused. --jobs trains several runs at a time, each in a process of its own that writes to "
      "<table>/logs; without --threads they share the cores. --dry-run tells the time from runs of the table, or else from one "
      "measured step of each network.";
  command.examples = {{"larmor reproduce --list", "the tables that can be re-run"},
                      {"larmor reproduce lgg-optimizers --data ~/kaggle_3m --dry-run", "what would be run"},
                      {"larmor reproduce lgg-buda --data ~/kaggle_3m --seeds 1", "the U-Net of the LGG study, patient by patient"},
                      {"larmor reproduce lgg-optimizers --data phantom --runs trial --seeds 1 train.epochs=1 data.split.kind=kfold",
                       "a trial on a phantom, in folders of its own"}};
  command.sources =
      "lgg-buda: mateuszbuda/brain-segmentation-pytorch; siberian-2: slides 'The Siberian Multimodal Brain Tumor Image Segmentation "
      "dataset', table 2";
  command.declare = [](Arguments& arguments) {
    auto options = std::make_shared<ReproduceOptions>();
    arguments.positional("table", options->table, "name or file of a table", false);
    arguments.positionals("key=value", options->overrides, "overrides for every row");
    arguments.option("--data", options->data, "data folder, also as lgg:FOLDER");
    arguments.option("--seeds", options->seeds, "seeds per row; 0: as the table says");
    arguments.option("--jobs", options->jobs, "runs trained at a time");
    arguments.option("--runs", options->base, "folder of runs");
    arguments.option("--only", options->only, "run these alone, as --dry-run names them (adam/seed-0, or adam for all of a row); no table");
    arguments.option("--sides", options->sides, "scored sides of the split instead of the table's, e.g. test; the first is compared");
    arguments.flag("--full", options->full, "cross all factors of the table instead of changing one at a time");
    arguments.flag("--dry-run", options->dry_run, "print the plan, an estimate of time and disk, and stop");
    arguments.flag("--list", options->list, "print the tables and stop");
    return [options](const GlobalOptions& global) { return run_reproduce(*options, global); };
  };
  return command;
}

}  // namespace larmor::cli
