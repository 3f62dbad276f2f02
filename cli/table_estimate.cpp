#include "cli/table_estimate.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
#include <numeric>
#include <ostream>

#include "cli/cuda_kernels.h"
#include "core/progress.h"
#include "eval/statistics.h"
#include "report/run_files.h"
#include "train/experiment.h"
#include "train/trainer.h"

namespace larmor::cli {

namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
using report::TableRun;

constexpr double kValidationShare = 1.0 / 3;  // of a training step's time per slice: forward without backward

/// Of one run: seconds per epoch and bytes.
struct Cost {
  double epoch_seconds = 0;
  double bytes = 0;
};

double bytes_in(const fs::path& folder) {
  double bytes = 0;
  std::error_code ignored;
  for (const auto& entry : fs::recursive_directory_iterator(folder, ignored)) {
    if (entry.is_regular_file(ignored)) bytes += static_cast<double>(entry.file_size(ignored));
  }
  return bytes;
}

Cost mean_of(const std::vector<Cost>& costs) {
  Cost sum;
  for (const Cost& cost : costs) {
    sum.epoch_seconds += cost.epoch_seconds / static_cast<double>(costs.size());
    sum.bytes += cost.bytes / static_cast<double>(costs.size());
  }
  return sum;
}

/// What runs of the table took, ended or not, by row. An epoch that was stopped and resumed does not know its seconds.
std::map<size_t, std::vector<Cost>> known_costs(const TableWork& work) {
  std::map<size_t, std::vector<Cost>> costs;
  for (const TableRun& run : work.plan().runs) {
    if (work.state_of(run) == RunState::missing) continue;
    std::vector<double> seconds;
    for (const report::EpochRecord& epoch : report::read_run(run.folder).epochs) {
      if (std::isfinite(epoch.seconds)) seconds.push_back(epoch.seconds);
    }
    if (!seconds.empty()) costs[run.row].push_back({eval::mean(seconds), bytes_in(run.folder)});
  }
  return costs;
}

/// A folder below the system's temporary folder that goes with its owner.
class ScratchFolder {
 public:
  ScratchFolder() : path_(fs::temp_directory_path() / fmt::format("larmor-estimate-{}", ::getpid())) {}
  ~ScratchFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  const fs::path& path() const { return path_; }

 private:
  const fs::path path_;
};

/// Trains two batches and takes the time of the second, for the first one waits for data and memory.
Cost measure(const TableWork& work, const TableRun& run, const GlobalOptions& global) {
  const train::Recipe recipe = work.recipe_of(run);
  const ScratchFolder scratch;
  std::vector<Clock::time_point> steps{Clock::now()};
  train::TrainerSettings settings;
  settings.device = at::Device(global.device);
  settings.kernels = open_kernels(global.device);
  settings.style = ProgressStyle::quiet;
  settings.overwrite = true;
  settings.fast_dev_run = true;
  settings.on_step = [&](int64_t) { steps.push_back(Clock::now()); };
  train::train(recipe, train::RunFolder(scratch.path()), settings);
  const train::Dataset dataset = train::open_dataset(recipe);
  const auto per_step = static_cast<double>(recipe.data.batch * (steps.size() > 2 ? 1 : recipe.train.accumulate));
  const double step = std::chrono::duration<double>(steps.back() - steps[steps.size() - 2]).count();
  const auto slices =
      static_cast<double>(dataset.split.train.size()) + kValidationShare * static_cast<double>(dataset.split.validation.size());
  return {step / per_step * slices, bytes_in(scratch.path())};
}

/// Epochs that a run still has to do.
int64_t epochs_left(const TableWork& work, const TableRun& run) {
  const int64_t all = work.recipe_of(run).train.epochs;
  if (work.state_of(run) == RunState::missing) return all;
  const report::RunFiles files = report::read_run(run.folder);
  return std::max<int64_t>(0, all - (files.epochs.empty() ? 0 : files.epochs.back().epoch));
}

/// The cost of a row's runs and where it is known from.
class Costs {
 public:
  Costs(const TableWork& work, const GlobalOptions& global) : work_(work), global_(global), known_(known_costs(work)) {}

  Cost of(const TableRun& run) {
    const auto row = known_.find(run.row);
    if (row != known_.end()) return mean_of(row->second);
    if (!known_.empty()) {
      std::vector<Cost> all;
      for (const auto& [other, costs] : known_) all.insert(all.end(), costs.begin(), costs.end());
      return mean_of(all);
    }
    const ConfigNode tree = train::to_config(work_.recipe_of(run));
    const std::string network = to_yaml(*tree.find("model"));
    const auto known = measured_.find(network);
    return known != measured_.end() ? known->second : measured_[network] = measure(work_, run, global_);
  }

  std::string source() const {
    if (!known_.empty()) return "from runs of this table";
    return fmt::format("from one measured step of {}; rough", counted(static_cast<int64_t>(measured_.size()), "network"));
  }

 private:
  const TableWork& work_;
  const GlobalOptions& global_;
  const std::map<size_t, std::vector<Cost>> known_;
  std::map<std::string, Cost> measured_;
};

}  // namespace

void print_plan(const TableWork& work, const std::vector<size_t>& runs, const std::vector<size_t>& scores, std::ostream& out) {
  const report::TablePlan& plan = work.plan();
  size_t width = 0;
  for (const TableRun& run : plan.runs) width = std::max(width, work.name_of(run).size());
  for (size_t i = 0; i < plan.runs.size(); ++i) {
    const bool is_missing = std::find(runs.begin(), runs.end(), i) != runs.end();
    const bool lacks_score = std::any_of(scores.begin(), scores.end(), [&](size_t score) {
      return plan.is_in_run(plan.scores[score]) && plan.scores[score].runs.front() == i;
    });
    const std::string state = is_missing ? to_text(work.state_of(plan.runs[i])) : lacks_score ? "to evaluate" : "done";
    out << fmt::format("{:<{}}   {:<12} {}\n", work.name_of(plan.runs[i]), width, state, plan.runs[i].folder.string());
  }
  const auto alone = std::count_if(scores.begin(), scores.end(), [&](size_t score) { return !plan.is_in_run(plan.scores[score]); });
  if (alone > 0) out << fmt::format("and {} of these runs\n", counted(alone, "further evaluation"));
}

void print_estimate(const TableWork& work, const std::vector<size_t>& runs, int64_t jobs, const GlobalOptions& global, std::ostream& out) {
  if (runs.empty()) return;
  Costs costs(work, global);
  double seconds = 0, longest = 0, bytes = 0;
  for (const size_t i : runs) {
    const TableRun& run = work.plan().runs[i];
    const Cost cost = costs.of(run);
    const double own = cost.epoch_seconds * static_cast<double>(epochs_left(work, run));
    seconds += own;
    longest = std::max(longest, own);
    bytes += cost.bytes;
  }
  out << fmt::format("about {} of training for {} one after another", format_clock(seconds),
                     counted(static_cast<int64_t>(runs.size()), "run"));
  if (jobs > 1)
    out << fmt::format(", at best {} with --jobs {}", format_clock(std::max(longest, seconds / static_cast<double>(jobs))), jobs);
  out << fmt::format("; about {} of disk ({})\n", format_bytes(static_cast<uint64_t>(bytes)), costs.source());
}

}  // namespace larmor::cli
