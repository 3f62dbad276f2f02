#include "cli/table_work.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iostream>
#include <set>

#include "cli/cuda_kernels.h"
#include "core/config.h"
#include "core/error.h"
#include "core/progress.h"
#include "datasets/registry.h"
#include "report/run_files.h"
#include "report/run_report.h"
#include "train/data_record.h"
#include "train/evaluate_run.h"
#include "train/experiment.h"
#include "train/trainer.h"

namespace larmor::cli {

namespace {

namespace fs = std::filesystem;
using report::TableRun;
using report::TableScore;

constexpr size_t kDifferencesInMessage = 3;

/// "lgg:FOLDER" or "FOLDER".
std::string folder_of(const std::string& data) { return data.starts_with("lgg:") ? data.substr(4) : data; }

bool has_data(const train::Recipe& recipe) {
  const std::string root = train::data_root(recipe);
  return !root.empty() && fs::exists(root);
}

/// What the data of a recipe are now, looked up once per folder.
const std::string& fingerprint_of(const train::Recipe& recipe, std::map<std::string, std::string>& known) {
  const std::string key = recipe.data.source + "\n" + to_yaml(recipe.data.options);
  const auto found = known.find(key);
  if (found != known.end()) return found->second;
  return known[key] = datasets::registry().at(recipe.data.source).make(recipe.data.options)->fingerprint();
}

const char* const kMend = "give another folder with --runs, or remove this run";

train::Recipe stored_recipe(const train::RunFolder& folder, const std::string& name) {
  try {
    return train::recipe_from(read_yaml(folder.recipe()), name);
  } catch (const Error& error) {
    throw_usage_error(fmt::format("{}; {}", error.what(), kMend));
  }
}

}  // namespace

std::string to_text(RunState state) {
  switch (state) {
    case RunState::missing:
      return "to train";
    case RunState::unfinished:
      return "to resume";
    case RunState::trained:
      return "trained";
  }
  return "";
}

/// Of its row, its fold, the command line and its seed; later ones win.
std::vector<std::string> TableWork::overrides_of(const TableRun& run) const {
  std::vector<std::string> overrides = spec_.rows[run.row].overrides;
  overrides.insert(overrides.end(), spec_.overrides.begin(), spec_.overrides.end());
  if (run.fold >= 0) {
    overrides.push_back(fmt::format("data.split.folds={}", spec_.folds));
    overrides.push_back(fmt::format("data.split.fold={}", run.fold));
  }
  if (!data_.empty()) overrides.push_back("data.root=" + folder_of(data_));
  overrides.push_back(fmt::format("train.seed={}", run.seed));
  return overrides;
}

train::Recipe TableWork::recipe_of(const TableRun& run) const {
  try {
    return train::read_recipe(spec_.rows[run.row].recipe, overrides_of(run));
  } catch (const Error& error) {
    throw error.with_context(context_of(run.row));
  }
}

std::string TableWork::context_of(size_t row) const { return fmt::format("table {}, row '{}'", spec_.name, spec_.rows[row].name); }

std::string TableWork::name_of(const TableRun& run) const {
  return fmt::format("{}, seed {}{}", spec_.rows[run.row].name, run.seed, run.fold < 0 ? "" : fmt::format(", fold {}", run.fold));
}

std::string TableWork::name_of(const TableScore& score) const {
  const int64_t fold = score.runs.size() == 1 ? plan_.runs[score.runs.front()].fold : -1;
  return fmt::format("{}, seed {}{}{}", spec_.rows[score.row].name, score.seed, fold < 0 ? "" : fmt::format(", fold {}", fold),
                     spec_.sides.size() == 1 ? "" : ", " + score.side + " side");
}

RunState TableWork::state_of(const TableRun& run) const {
  if (!train::RunFolder(run.folder).has_checkpoint()) return RunState::missing;
  const report::RunFiles files = report::read_run(run.folder);
  return files.end && files.end->is_finished ? RunState::trained : RunState::unfinished;
}

bool TableWork::is_scored(const TableScore& score) const {
  const TableRun& first = plan_.runs[score.runs.front()];
  for (const size_t run : score.runs) {
    if (state_of(plan_.runs[run]) != RunState::trained) return false;
  }
  const report::RunFiles run = report::read_run(first.folder);
  const report::RunFiles files = plan_.is_in_run(score) ? run : report::read_evaluation_of(score.folder, plan_.weights_of(score));
  if (!files.evaluation) return false;
  const report::EvaluationFile& file = *files.evaluation;
  const std::string& tta = spec_.tta_of(spec_.rows[score.row]);
  const report::EvaluationRecord* evaluation = file.find(tta);
  const bool same_data = run.start && file.fingerprint == run.start->fingerprint;
  if (evaluation == nullptr || !same_data || file.checksums.size() != score.runs.size() || file.split != score.side) return false;
  const train::EvaluationSettings wanted = train::evaluation_settings(recipe_of(first));
  const bool same_merge = tta == "none" || (evaluation->merge == wanted.merge && evaluation->merge_of == wanted.merge_of);
  return same_merge && file.threshold == wanted.threshold && file.largest_component == wanted.largest_component;
}

/// A run that was made from another recipe must not be counted in a row.
void TableWork::require_same_recipe(const TableRun& run) const {
  const train::Recipe wanted = recipe_of(run);
  const train::RunFolder folder(run.folder);
  if (!folder.has_checkpoint()) return;
  const train::Recipe stored = stored_recipe(folder, wanted.name);
  std::vector<std::string> different = train::differences(train::deciding_config(stored), train::deciding_config(wanted));
  if (different.empty()) return;
  const size_t all = different.size();
  different.resize(std::min(all, kDifferencesInMessage));
  throw_usage_error(fmt::format("{}: made from another recipe than row '{}' is now ({}{}); {}", run.folder.string(),
                                spec_.rows[run.row].name, fmt::join(different, "; "),
                                all > different.size() ? fmt::format("; {} more", all - different.size()) : "", kMend));
}

/// A run on other data must not be counted in a row. A finished table can be printed where the data are not at hand.
void TableWork::require_same_data(const TableRun& run, std::map<std::string, std::string>& fingerprints) const {
  if (!train::RunFolder(run.folder).has_checkpoint()) return;
  const train::Recipe wanted = recipe_of(run);
  if (!has_data(wanted)) return;
  const report::RunFiles files = report::read_run(run.folder);
  const std::string& now = fingerprint_of(wanted, fingerprints);
  if (!files.start || files.start->fingerprint == now) return;
  throw_usage_error(fmt::format("{}: trained on other data than row '{}' is given now (fingerprint {} then, {} now); {}",
                                run.folder.string(), spec_.rows[run.row].name, train::short_fingerprint(files.start->fingerprint),
                                train::short_fingerprint(now), kMend));
}

void TableWork::require_matching_runs() const {
  std::map<std::string, std::string> fingerprints;
  for (const TableRun& run : plan_.runs) {
    require_same_recipe(run);
    require_same_data(run, fingerprints);
  }
}

/// Opens the data of what has something to run, so that a mistake is told before the first training; each folder once.
void TableWork::require_usable_data() const {
  std::map<std::string, std::vector<std::pair<const TableScore*, train::Recipe>>> by_data;
  for (const TableScore& score : plan_.scores) {
    if (is_scored(score)) continue;
    for (const size_t i : score.runs) {
      train::Recipe recipe = recipe_of(plan_.runs[i]);
      const std::string key = score.side + "\n" + to_yaml(*train::to_config(recipe).find("data"));
      by_data[key].emplace_back(&score, std::move(recipe));
    }
  }
  for (const auto& [key, users] : by_data) {
    const TableScore* user = users.front().first;
    try {
      require_apart("--runs", plan_.folder.string(), train::data_root(users.front().second));
      const train::Dataset dataset = train::open_dataset(users.front().second);
      train::require_side(dataset, user->side, "sides");
      for (const auto& [score, recipe] : users) {
        user = score;
        train::require_channels(recipe, *dataset.source);
      }
    } catch (const Error& error) {
      throw error.with_context(context_of(user->row));
    }
  }
}

bool TableWork::train(const TableRun& run, const GlobalOptions& global) const {
  const train::Recipe recipe = recipe_of(run);
  const RunState state = state_of(run);
  train::TrainerSettings settings;
  settings.device = at::Device(global.device);
  settings.kernels = open_kernels(global.device);
  settings.threads = use_threads(global.threads);
  settings.style = global.quiet ? ProgressStyle::quiet : ProgressStyle::automatic;
  settings.resume = state == RunState::unfinished;
  settings.overwrite = state == RunState::missing;  // what a run that was killed before its first checkpoint has left
  settings.command = fmt::format("larmor train {} {}", spec_.rows[run.row].recipe, fmt::join(overrides_of(run), " "));
  if (!global.quiet) settings.say = [](const std::string& line) { std::cerr << line << "\n"; };
  return train::train(recipe, train::RunFolder(run.folder), settings).finished;
}

void TableWork::evaluate(const TableScore& score, const GlobalOptions& global) const {
  train::EvaluateRequest request;
  for (const size_t run : score.runs) request.weights.push_back(plan_.runs[run].folder.string());
  request.data_root = folder_of(data_);
  request.split = score.side;
  request.tta = {spec_.tta_of(spec_.rows[score.row])};
  request.device = at::Device(global.device);
  const train::Evaluated evaluated = train::evaluate_run(request);
  eval::write_results(score.folder, evaluated.results, *evaluated.source);
  if (plan_.is_in_run(score)) report::write_run_report(score.folder);
}

}  // namespace larmor::cli
