#include "report/table_spec.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "core/error.h"
#include "core/options.h"
#include "core/progress.h"
#include "eval/tta.h"

namespace larmor::report {

namespace {

namespace fs = std::filesystem;

constexpr size_t kMostRows = 1000;
constexpr int64_t kMostFolds = 1000;
constexpr int64_t kMostEvaluations = 10000;
constexpr size_t kLongestName = 100;  ///< of a row, in bytes: it becomes a folder

/// One level of a factor.
struct Level {
  std::string name;
  std::vector<std::string> overrides;
  std::string tta;
  std::map<std::string, double> published;
};

struct Factor {
  std::string name;
  std::vector<Level> levels;
};

/// Parts of the file that are finished after the plain keys.
struct Pending {
  std::string recipe;
  ConfigNode rows, factors;
};

/// Those of eval, and "" for the table's.
std::vector<std::string> tta_names() {
  std::vector<std::string> names = eval::tta_names();
  names.emplace_back();
  return names;
}

OptionTable options_of(TableRow& row) {
  OptionTable table;
  table.add("name", row.name, "of the row");
  table.add("recipe", row.recipe, "recipe file; empty: the table's");
  table.add("overrides", row.overrides, "as on the command line: [optim.name=adam]");
  table.add("published", row.published, "printed values by column");
  table.add("runs", row.runs, "row whose runs are evaluated; empty: its own");
  table.add("tta", row.tta, "test-time augmentation; empty: the table's", tta_names());
  table.add("ensemble", row.ensemble, "the networks of all folds together");
  return table;
}

OptionTable options_of(Level& level) {
  OptionTable table;
  table.add("name", level.name, "of the level");
  table.add("overrides", level.overrides, "as on the command line: [optim.name=adam]");
  table.add("tta", level.tta, "test-time augmentation; empty: the table's", tta_names());
  table.add("published", level.published, "printed values by column, of the row with this level alone");
  return table;
}

OptionTable published_table(TableSpec& spec) {
  OptionTable table;
  table.add("source", spec.published_source, "paper and table");
  table.add("data", spec.published_data, "data set of the paper");
  table.add("convention", spec.published_convention, "how the paper's metric is defined");
  table.add("same_data", spec.published_same_data, "ours and the paper's data are the same");
  table.add("subjects", spec.published_subjects, "how many stand behind the published values; 0: not said", at_least(0));
  table.add("columns", spec.published_columns, "order of the published columns");
  table.add("patients", spec.published_patients, "printed values of single patients");
  table.add_range("band", spec.published_band, "where the mean over the published patients has to be; [0, 0]: none", between(0, 1));
  return table;
}

std::vector<std::string> known_sides() { return {"validation", "test", "hold_out", "train"}; }

OptionTable options_of(TableSpec& spec, Pending& pending) {
  std::vector<std::string> metrics;
  metrics.reserve(patient_columns().size());
  for (const auto& [metric, column] : patient_columns()) metrics.push_back(metric);
  OptionTable table;
  table.add("title", spec.title, "headline of the table");
  table.add("recipe", pending.recipe, "recipe file of rows that name none, relative to this file");
  table.add("reference", spec.reference, "row that the others are compared with");
  table.add("metric", spec.metric, "what is compared", metrics);
  table.add("tta", spec.tta, "test-time augmentation of rows that name none", eval::tta_names());
  table.add("seeds", spec.seeds, "runs per row", between(1, kMostSeeds));
  table.add("reach", spec.reach, "validation value that epochs are counted to", between(0, 1));
  table.add("levels", spec.levels, "validation values that the report counts epochs and seconds to", between(0, 1));
  table.add("sides", spec.sides, "scored sides of the split, the first is compared", known_sides());
  table.add("folds", spec.folds, "parts of data.split that each seed trains; 0: the recipes' own split", between(0, kMostFolds));
  table.add("costs", spec.costs, "seconds per epoch and per patient, memory; each run is trained in a process of its own");
  table.add("not_published", spec.not_published, "what the paper does not say, and what was chosen");
  table.add_table("published", published_table(spec), "where the published values come from");
  table.add_node("rows", pending.rows, "list of rows");
  table.add_node("factors", pending.factors, "list of factors with their levels, instead of rows");
  return table;
}

std::vector<std::string> names_of(const std::vector<TableRow>& rows) {
  std::vector<std::string> names;
  names.reserve(rows.size());
  for (const TableRow& row : rows) names.push_back(row.name);
  return names;
}

const TableRow* find_row(const std::vector<TableRow>& rows, const std::string& name) {
  const auto found = std::find_if(rows.begin(), rows.end(), [&](const TableRow& row) { return row.name == name; });
  return found == rows.end() ? nullptr : &*found;
}

std::string resolved(const std::string& recipe, const fs::path& table_file) {
  return recipe.empty() ? "" : (table_file.parent_path() / recipe).lexically_normal().generic_string();
}

/// "SE-ResNeXt 50" → "se-resnext-50": a folder name.
std::string folder_name(const std::string& name) {
  std::string folder;
  for (const char c : name) {
    const bool is_plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
    const bool is_upper = c >= 'A' && c <= 'Z';
    if (is_plain || is_upper) {
      folder += is_upper ? static_cast<char>(c - 'A' + 'a') : c;
    } else if (!folder.empty() && folder.back() != '-') {
      folder += '-';
    }
  }
  while (!folder.empty() && (folder.back() == '-' || folder.back() == '.')) folder.pop_back();
  return folder.empty() || folder.front() == '.' ? "row-" + folder : folder;
}

// ---- overrides ----

/// The tree that overrides alone would make. Error (usage) for what is none.
ConfigNode tree_of(const std::vector<std::string>& overrides) {
  ConfigNode tree = ConfigNode::make_map();
  for (const std::string& assignment : overrides) apply_override(tree, assignment);
  return tree;
}

/// What the table itself sets in each run may not be overridden; "" where nothing of it is.
std::string key_of_the_table(const ConfigNode& overrides, int64_t folds) {
  if (overrides.find_path("train.seed") != nullptr) return "train.seed: the table sets it in each run; say --seeds N for seeds 0 … N-1";
  if (folds > 0 && overrides.find_path("data.split.fold") != nullptr)
    return "data.split.fold: the table trains every fold; --only ROW/seed-0/fold-1 trains one of them";
  return "";
}

void check_overrides(const TableSpec& spec, const std::vector<std::string>& overrides, const Place& place, const std::string& key,
                     Problems& problems) {
  try {
    const ConfigNode tree = tree_of(overrides);
    const bool has_folds = spec.folds > 0 && tree.find_path("data.split.folds") != nullptr;
    const std::string wrong = has_folds ? "data.split.folds: the table's folds decide; leave it out" : key_of_the_table(tree, spec.folds);
    if (!wrong.empty()) problems.add(place, key + "overrides", wrong);
  } catch (const Error& error) {
    const std::string text = error.what();
    problems.add(place, key + "overrides", text.substr(text.find(": ") + 2));  // "command line: " is not where it stands
  }
}

/// The value of an integer at a dotted path, if any. Error (usage) for another one.
void read_integer(const ConfigNode& tree, const std::string& path, int64_t& value, Bounds bounds) {
  const ConfigNode* node = tree.find_path(path);
  if (node == nullptr) return;
  const size_t dot = path.rfind('.');
  ConfigNode parent = ConfigNode::make_map(node->place);
  parent.set(path.substr(dot + 1), *node);
  OptionTable table;
  table.add(path.substr(dot + 1), value, "", bounds);
  Problems problems;
  table.read(parent, problems, path.substr(0, dot + 1));
  problems.throw_if_any();
}

// ---- rows ----

void check_name(const TableSpec& spec, const TableRow& row, const Place& place, const std::string& key, Problems& problems) {
  if (row.name.empty()) problems.add(place, key + "name", "missing; every row needs one");
  if (row.name.size() > kLongestName) {
    problems.add(place, key + "name", fmt::format("has {} bytes; at most {}", row.name.size(), kLongestName));
  } else if (printable(row.name) != row.name) {
    problems.add(place, key + "name", fmt::format("{} has a control character", in_quotes(row.name)));
  }
  for (const TableRow& before : spec.rows) {
    if (before.name == row.name) {
      problems.add(place, key + "name", fmt::format("{} stands twice", in_quotes(row.name)));
    } else if (folder_name(before.name) == folder_name(row.name)) {
      problems.add(place, key + "name",
                   fmt::format("{} and {} would share the folder {}", in_quotes(before.name), in_quotes(row.name), folder_name(row.name)));
    }
  }
}

void check_columns(const TableSpec& spec, const std::map<std::string, double>& published, const Place& place, const std::string& key,
                   Problems& problems) {
  const std::vector<std::string>& columns = spec.published_columns;
  for (const auto& [column, value] : published) {
    if (std::find(columns.begin(), columns.end(), column) != columns.end()) continue;
    problems.add(place, fmt::format("{}published.{}", key, column), fmt::format("not in published.columns: {}", fmt::join(columns, ", ")));
  }
}

/// A row of its own has a recipe; one that shares runs has that row's.
void check_runs(const TableSpec& spec, TableRow& row, const Place& place, const std::string& key, Problems& problems) {
  if (row.ensemble && spec.folds < 2) problems.add(place, key + "ensemble", "needs folds, at least 2");
  if (row.runs.empty()) {
    if (row.recipe.empty()) problems.add(place, key + "recipe", "missing; name it here or once for the table");
    return;
  }
  const TableRow* owner = find_row(spec.rows, row.runs);
  if (owner == nullptr) {
    problems.add(place, key + "runs", unknown_name_message("row above", row.runs, names_of(spec.rows), ""));
  } else if (!owner->runs.empty()) {
    problems.add(place, key + "runs", fmt::format("{} has no runs of its own; name '{}'", in_quotes(row.runs), owner->runs));
  } else if (!row.overrides.empty()) {
    problems.add(place, key + "overrides", "a row with runs trains nothing; leave them out");
  } else {
    row.recipe = owner->recipe;
    row.overrides = owner->overrides;
  }
}

void read_rows(const ConfigNode& rows, const std::string& recipe, const fs::path& file, TableSpec& spec, Problems& problems) {
  if (!rows.is_sequence() || rows.items.empty()) {
    problems.add(rows.place.file.empty() ? Place{file.string(), 0} : rows.place, "rows", "must be a list of at least one row");
    return;
  }
  if (rows.items.size() > kMostRows) {
    problems.add(rows.place, "rows", fmt::format("{} rows; at most {}", rows.items.size(), kMostRows));
    return;
  }
  for (size_t i = 0; i < rows.items.size(); ++i) {
    const std::string key = fmt::format("rows.{}.", i + 1);
    const Place& place = rows.items[i].place;
    TableRow row;
    options_of(row).read(rows.items[i], problems, key);
    row.recipe = resolved(row.recipe.empty() ? recipe : row.recipe, file);
    check_name(spec, row, place, key, problems);
    check_columns(spec, row.published, place, key, problems);
    check_overrides(spec, row.overrides, place, key, problems);
    check_runs(spec, row, place, key, problems);
    spec.rows.push_back(std::move(row));
  }
}

// ---- factors ----

std::vector<Factor> read_factors(const ConfigNode& node, const TableSpec& spec, Problems& problems) {
  std::vector<Factor> factors;
  if (!node.is_sequence() || node.items.empty()) problems.add(node.place, "factors", "must be a list of at least one factor");
  for (size_t i = 0; i < node.items.size(); ++i) {
    const std::string key = fmt::format("factors.{}.", i + 1);
    Factor factor;
    ConfigNode levels;
    OptionTable table;
    table.add("name", factor.name, "of the factor").add_node("levels", levels, "list of levels, the base's first");
    table.read(node.items[i], problems, key);
    if (!levels.is_sequence() || levels.items.empty())
      problems.add(node.items[i].place, key + "levels", "must be a list of at least one level");
    for (size_t k = 0; k < levels.items.size(); ++k) {
      const std::string level_key = fmt::format("{}levels.{}.", key, k + 1);
      factor.levels.emplace_back();
      options_of(factor.levels.back()).read(levels.items[k], problems, level_key);
      check_columns(spec, factor.levels.back().published, levels.items[k].place, level_key, problems);
      check_overrides(spec, factor.levels.back().overrides, levels.items[k].place, level_key, problems);
      if (factor.levels.back().name.empty()) problems.add(levels.items[k].place, level_key + "name", "missing; every level needs one");
    }
    factors.push_back(std::move(factor));
  }
  return factors;
}

/// The levels chosen of each factor; every combination once, the first factor slowest.
using Choice = std::vector<size_t>;

std::vector<Choice> all_choices(const std::vector<Factor>& factors) {
  std::vector<Choice> choices{Choice{}};
  for (const Factor& factor : factors) {
    std::vector<Choice> longer;
    for (const Choice& choice : choices) {
      for (size_t k = 0; k < factor.levels.size(); ++k) {
        longer.push_back(choice);
        longer.back().push_back(k);
      }
    }
    choices = std::move(longer);
  }
  return choices;
}

/// The base, then one other level at a time.
std::vector<Choice> single_choices(const std::vector<Factor>& factors) {
  std::vector<Choice> choices{Choice(factors.size(), 0)};
  for (size_t i = 0; i < factors.size(); ++i) {
    for (size_t k = 1; k < factors[i].levels.size(); ++k) {
      choices.push_back(choices.front());
      choices.back()[i] = k;
    }
  }
  return choices;
}

/// The levels' names; what a factor without a test-time augmentation of its own calls "none" is left out.
std::string name_of(const std::vector<Factor>& factors, const Choice& choice) {
  std::vector<std::string> names;
  for (size_t i = 0; i < factors.size(); ++i) {
    const Level& level = factors[i].levels[choice[i]];
    const bool says_nothing = choice[i] == 0 && level.overrides.empty();
    if (!says_nothing) names.push_back(level.name);
  }
  return fmt::format("{}", fmt::join(names, " + "));
}

TableRow row_of(const std::vector<Factor>& factors, const Choice& choice) {
  TableRow row;
  row.name = name_of(factors, choice);
  int64_t changed = 0;
  for (size_t i = 0; i < factors.size(); ++i) {
    const Level& level = factors[i].levels[choice[i]];
    row.overrides.insert(row.overrides.end(), level.overrides.begin(), level.overrides.end());
    if (!level.tta.empty()) row.tta = level.tta;
    if (choice[i] == 0) continue;
    ++changed;
    row.published = level.published;
  }
  if (changed > 1) row.published.clear();
  if (changed == 0) row.published = factors[0].levels[0].published;
  return row;
}

void expand(const std::vector<Factor>& factors, bool is_full, const std::string& recipe, const Place& place, TableSpec& spec,
            Problems& problems) {
  for (const Choice& choice : is_full ? all_choices(factors) : single_choices(factors)) {
    if (spec.rows.size() == kMostRows) {
      problems.add(place, "factors", fmt::format("would make more than {} rows", kMostRows));
      return;
    }
    TableRow row = row_of(factors, choice);
    row.recipe = recipe;
    // Rows that differ by their test-time augmentation alone share their runs.
    const auto same = std::find_if(spec.rows.begin(), spec.rows.end(),
                                   [&](const TableRow& other) { return other.runs.empty() && other.overrides == row.overrides; });
    if (same != spec.rows.end()) row.runs = same->name;
    check_name(spec, row, place, "factors.", problems);
    spec.rows.push_back(std::move(row));
  }
}

void read_all_factors(const Pending& pending, bool is_full, const fs::path& file, TableSpec& spec, Problems& problems) {
  if (!pending.rows.is_null()) problems.add(pending.factors.place, "factors", "stand in the place of rows; leave out one of them");
  if (pending.recipe.empty()) problems.add(pending.factors.place, "recipe", "missing; factors need the table's");
  const std::vector<Factor> factors = read_factors(pending.factors, spec, problems);
  if (problems.empty()) expand(factors, is_full, resolved(pending.recipe, file), pending.factors.place, spec, problems);
}

void check_sides(const ConfigNode& tree, const TableSpec& spec, Problems& problems) {
  const ConfigNode* node = tree.find("sides");
  const Place& place = node != nullptr ? node->place : tree.place;
  if (spec.sides.empty()) problems.add(place, "sides", "must name at least one side");
  std::set<std::string> seen;
  for (const std::string& side : spec.sides) {
    if (!seen.insert(side).second) problems.add(place, "sides", fmt::format("{} stands twice", in_quotes(side)));
  }
}

void check_reference(const ConfigNode& tree, TableSpec& spec, Problems& problems) {
  const std::vector<std::string> names = names_of(spec.rows);
  if (spec.reference.empty() && !names.empty()) spec.reference = names.front();
  if (names.empty() || std::find(names.begin(), names.end(), spec.reference) != names.end()) return;
  const ConfigNode* node = tree.find("reference");
  problems.add(node ? node->place : tree.place, "reference", unknown_name_message("row", spec.reference, names, ""));
}

// ---- the plan ----

/// Told before anything of that size is made.
void require_small(const TableSpec& spec, int64_t seeds) {
  LARMOR_ASSERT(spec.rows.size() <= kMostRows && seeds <= kMostSeeds && spec.folds <= kMostFolds);
  const auto rows = static_cast<int64_t>(spec.rows.size()), sides = static_cast<int64_t>(spec.sides.size());
  const int64_t folds = std::max<int64_t>(1, spec.folds), evaluations = rows * seeds * folds * sides;
  if (evaluations <= kMostEvaluations) return;
  throw_usage_error(fmt::format("table {}: {} x {} x {} x {} are {} evaluations; at most {}, so take fewer seeds or folds", spec.name,
                                counted(rows, "row"), counted(seeds, "seed"), counted(folds, "fold"), counted(sides, "side"), evaluations,
                                kMostEvaluations));
}

void add_runs(const TableSpec& spec, size_t row, int64_t seeds, const fs::path& folder, TablePlan& plan) {
  for (int64_t seed = 0; seed < seeds; ++seed) {
    const fs::path run = folder / fmt::format("seed-{}", seed);
    if (spec.folds == 0) plan.runs.push_back({row, seed, run, -1});
    for (int64_t fold = 0; fold < spec.folds; ++fold) plan.runs.push_back({row, seed, run / fmt::format("fold-{}", fold), fold});
  }
}

/// Positions of a row's runs with this seed.
std::vector<size_t> runs_of(const TablePlan& plan, size_t row, int64_t seed) {
  std::vector<size_t> runs;
  for (size_t i = 0; i < plan.runs.size(); ++i) {
    if (plan.runs[i].row == row && plan.runs[i].seed == seed) runs.push_back(i);
  }
  return runs;
}

/// Evaluations of one row, seed and side.
void add_scores(const TableSpec& spec, size_t row, int64_t seed, const std::string& side, const fs::path& folder, TablePlan& plan) {
  const TableRow& described = spec.rows[row];
  const size_t owner = described.runs.empty() ? row : static_cast<size_t>(find_row(spec.rows, described.runs) - spec.rows.data());
  const std::vector<size_t> runs = runs_of(plan, owner, seed);
  const fs::path own = folder / fmt::format("seed-{}", seed);
  if (described.ensemble) {
    plan.scores.push_back({row, seed, side, runs, own / "ensemble" / side});
    return;
  }
  const bool is_in_run = owner == row && side == spec.sides.front();
  for (const size_t run : runs) {
    const int64_t fold = plan.runs[run].fold;
    const fs::path of_fold = fold < 0 ? own : own / fmt::format("fold-{}", fold);
    plan.scores.push_back({row, seed, side, {run}, is_in_run ? plan.runs[run].folder : of_fold / side});
  }
}

}  // namespace

const std::map<std::string, std::string>& patient_columns() {
  static const std::map<std::string, std::string> columns = {
      {"dice_patients", "dice"}, {"iou_patients", "iou"}, {"sensitivity_patients", "sensitivity"}, {"precision_patients", "precision"}};
  return columns;
}

TableSpec read_table_spec(const fs::path& file, bool is_full) {
  const ConfigNode tree = read_yaml(file);
  TableSpec spec;
  spec.name = file.stem().string();
  spec.title = spec.name;
  Pending pending;
  Problems problems;
  options_of(spec, pending).read(tree, problems);
  check_sides(tree, spec, problems);
  if (!pending.factors.is_null()) {
    read_all_factors(pending, is_full, file, spec, problems);
  } else {
    if (is_full) problems.add(tree.place, "factors", "missing; --full crosses factors, and this table has rows");
    read_rows(pending.rows, pending.recipe, file, spec, problems);
  }
  check_reference(tree, spec, problems);
  problems.throw_if_any();
  if (is_full) spec.name += "-full";
  return spec;
}

void override_rows(TableSpec& spec, const std::vector<std::string>& overrides) {
  const ConfigNode tree = tree_of(overrides);
  const std::string wrong = key_of_the_table(tree, spec.folds);
  if (!wrong.empty()) throw_usage_error("command line: " + wrong);
  if (spec.folds > 0) read_integer(tree, "data.split.folds", spec.folds, between(2, kMostFolds));
  spec.overrides = overrides;
}

void override_sides(TableSpec& spec, const std::vector<std::string>& sides) {
  std::set<std::string> seen;
  const std::vector<std::string> known = known_sides();
  for (const std::string& side : sides) {
    if (std::find(known.begin(), known.end(), side) == known.end())
      throw_usage_error("--sides: " + unknown_name_message("side", side, known, ""));
    if (!seen.insert(side).second) throw_usage_error(fmt::format("--sides: {} stands twice", in_quotes(side)));
  }
  spec.sides = sides;
}

std::vector<fs::path> TablePlan::weights_of(const TableScore& score) const {
  std::vector<fs::path> weights;
  weights.reserve(score.runs.size());
  for (const size_t run : score.runs) weights.push_back(runs[run].folder / "checkpoints/best.safetensors");
  return weights;
}

TablePlan plan_table(const TableSpec& spec, int64_t seeds, const fs::path& base) {
  require_small(spec, seeds);
  TablePlan plan;
  plan.folder = base / folder_name(spec.name);
  const auto folder_of = [&](size_t row) { return plan.folder / folder_name(spec.rows[row].name); };
  for (size_t row = 0; row < spec.rows.size(); ++row) {
    if (spec.rows[row].runs.empty()) add_runs(spec, row, seeds, folder_of(row), plan);
  }
  for (size_t row = 0; row < spec.rows.size(); ++row) {
    for (int64_t seed = 0; seed < seeds; ++seed) {
      for (const std::string& side : spec.sides) add_scores(spec, row, seed, side, folder_of(row), plan);
    }
  }
  return plan;
}

}  // namespace larmor::report
