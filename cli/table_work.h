// The trainings and evaluations of a table: which are there, whether they may count, and how each is done.
#pragma once
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "cli/command.h"
#include "report/table_spec.h"
#include "train/recipe.h"

namespace larmor::cli {

enum class RunState { missing, unfinished, trained };
std::string to_text(RunState state);

class TableWork {
 public:
  /// `data`: folder of every run's data, also as lgg:FOLDER; "": the recipes'.
  TableWork(report::TableSpec spec, report::TablePlan plan, std::string data)
      : spec_(std::move(spec)), plan_(std::move(plan)), data_(std::move(data)) {}
  const report::TableSpec& spec() const { return spec_; }
  const report::TablePlan& plan() const { return plan_; }

  train::Recipe recipe_of(const report::TableRun& run) const;
  /// "adam, seed 0, fold 2".
  std::string name_of(const report::TableRun& run) const;
  std::string name_of(const report::TableScore& score) const;

  /// A damaged run is told by the table; here it only must not be taken for a finished one.
  RunState state_of(const report::TableRun& run) const;
  /// True for an evaluation as the table asks for; `larmor eval` may have left one of another side, threshold or data set.
  bool is_scored(const report::TableScore& score) const;

  /// Error (usage): a run that is there was made from another recipe or on other data; data that a run to come needs cannot be opened or
  /// have no such side.
  void require_matching_runs() const;
  void require_usable_data() const;

  /// Trains, or goes on. False: interrupted.
  bool train(const report::TableRun& run, const GlobalOptions& global) const;
  void evaluate(const report::TableScore& score, const GlobalOptions& global) const;

 private:
  std::vector<std::string> overrides_of(const report::TableRun& run) const;
  std::string context_of(size_t row) const;
  void require_same_recipe(const report::TableRun& run) const;
  void require_same_data(const report::TableRun& run, std::map<std::string, std::string>& fingerprints) const;

  const report::TableSpec spec_;
  const report::TablePlan plan_;
  const std::string data_;
};

}  // namespace larmor::cli
