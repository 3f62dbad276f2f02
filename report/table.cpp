#include "report/table.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "core/error.h"
#include "core/options.h"
#include "report/run_files.h"

namespace larmor::report {

namespace {

namespace fs = std::filesystem;

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
/// Metrics that are means over patients, and the column of cases.csv that they are the mean of.
const std::map<std::string, std::string> kPatientColumns = {
    {"dice_patients", "dice"}, {"iou_patients", "iou"}, {"sensitivity_patients", "sensitivity"}, {"precision_patients", "precision"}};

// ---- the description ----

OptionTable options_of(TableRow& row) {
  OptionTable table;
  table.add("name", row.name, "of the row");
  table.add("recipe", row.recipe, "recipe file; empty: the table's");
  table.add("overrides", row.overrides, "as on the command line: [optim.name=adam]");
  table.add("published", row.published, "printed values by column");
  return table;
}

/// The file's keys; `recipe` and `rows` are finished by the caller.
OptionTable options_of(TableSpec& spec, std::string& recipe, ConfigNode& rows) {
  std::vector<std::string> metrics;
  metrics.reserve(kPatientColumns.size());
  for (const auto& [metric, column] : kPatientColumns) metrics.push_back(metric);
  OptionTable published;
  published.add("source", spec.published_source, "paper and table");
  published.add("data", spec.published_data, "data set of the paper");
  published.add("convention", spec.published_convention, "how the paper's metric is defined");
  published.add("same_data", spec.published_same_data, "ours and the paper's data are the same");
  published.add("columns", spec.published_columns, "order of the published columns");
  OptionTable table;
  table.add("title", spec.title, "headline of the table");
  table.add("recipe", recipe, "recipe file of rows that name none, relative to this file");
  table.add("reference", spec.reference, "row that the others are compared with");
  table.add("metric", spec.metric, "what is compared", metrics);
  table.add("tta", spec.tta, "evaluation that is read: test-time augmentation");
  table.add("seeds", spec.seeds, "runs per row", at_least(1));
  table.add("reach", spec.reach, "validation value that epochs are counted to");
  table.add("levels", spec.levels, "validation values that the report counts epochs and seconds to");
  table.add_table("published", std::move(published), "where the published values come from");
  table.add_node("rows", rows, "list of rows");
  return table;
}

std::vector<std::string> names_of(const std::vector<TableRow>& rows) {
  std::vector<std::string> names;
  for (const TableRow& row : rows) names.push_back(row.name);
  return names;
}

std::string resolved(const std::string& recipe, const fs::path& table_file) {
  return recipe.empty() ? "" : (table_file.parent_path() / recipe).lexically_normal().generic_string();
}

void check_row(const TableSpec& spec, const TableRow& row, const Place& place, const std::string& key, Problems& problems) {
  const std::vector<std::string> before = names_of(spec.rows);
  if (row.name.empty()) problems.add(place, key + "name", "missing; every row needs one");
  if (std::find(before.begin(), before.end(), row.name) != before.end()) {
    problems.add(place, key + "name", fmt::format("{} stands twice", in_quotes(row.name)));
  }
  if (row.recipe.empty()) problems.add(place, key + "recipe", "missing; name it here or once for the table");
  for (const auto& [column, value] : row.published) {
    const auto& columns = spec.published_columns;
    if (std::find(columns.begin(), columns.end(), column) != columns.end()) continue;
    problems.add(place, fmt::format("{}published.{}", key, column), fmt::format("not in published.columns: {}", fmt::join(columns, ", ")));
  }
}

void read_rows(const ConfigNode& rows, const std::string& recipe, const fs::path& file, TableSpec& spec, Problems& problems) {
  if (!rows.is_sequence() || rows.items.empty()) {
    problems.add(rows.place.file.empty() ? Place{file.string(), 0} : rows.place, "rows", "must be a list of at least one row");
    return;
  }
  for (size_t i = 0; i < rows.items.size(); ++i) {
    const std::string key = fmt::format("rows.{}.", i + 1);
    TableRow row;
    options_of(row).read(rows.items[i], problems, key);
    row.recipe = resolved(row.recipe.empty() ? recipe : row.recipe, file);
    check_row(spec, row, rows.items[i].place, key, problems);
    spec.rows.push_back(std::move(row));
  }
}

void check_reference(const ConfigNode& tree, TableSpec& spec, Problems& problems) {
  const std::vector<std::string> names = names_of(spec.rows);
  if (spec.reference.empty() && !names.empty()) spec.reference = names.front();
  if (names.empty() || std::find(names.begin(), names.end(), spec.reference) != names.end()) return;
  const ConfigNode* node = tree.find("reference");
  problems.add(node ? node->place : tree.place, "reference", unknown_name_message("row", spec.reference, names, ""));
}

// ---- the runs ----

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

/// One run as the table needs it.
struct CountedRun {
  double value = kNone;
  std::map<std::string, double> patients;
  int64_t missed = 0, cases = 0;
  RunCurve curve;
  RunFiles files;
};

/// Each patient's value, the mean over its classes; patients without a value are left out.
std::map<std::string, double> patients_of(const RunFiles& files, const TableSpec& spec) {
  const CsvTable& cases = files.cases;
  const std::string& column = kPatientColumns.at(spec.metric);
  const size_t tta = cases.column("tta"), patient = cases.column("patient"), value = cases.column(column);
  std::map<std::string, std::pair<double, int64_t>> sums;
  for (const auto& row : cases.rows) {
    if (row[tta] != spec.tta) continue;
    const double number = parse_number(row[value], (files.root / "cases.csv").string() + ": " + column);
    if (!std::isfinite(number)) continue;
    sums[row[patient]].first += number;
    sums[row[patient]].second += 1;
  }
  std::map<std::string, double> patients;
  for (const auto& [name, sum] : sums) patients[name] = sum.first / static_cast<double>(sum.second);
  return patients;
}

/// Why a run cannot be counted, "" when it can.
std::string obstacle(const RunFiles& files, const TableSpec& spec) {
  if (!files.end || !files.end->is_finished) {
    return fmt::format("unfinished after epoch {}", files.epochs.empty() ? 0 : files.epochs.back().epoch);
  }
  if (!files.evaluation) return "not evaluated";
  const EvaluationRecord* evaluation = files.evaluation->find(spec.tta);
  if (evaluation == nullptr) return fmt::format("no evaluation with tta {}", spec.tta);
  const MetricRecord* metric = evaluation->find(spec.metric);
  if (metric == nullptr || !std::isfinite(metric->value)) return fmt::format("no value of {}", spec.metric);
  if (files.cases.header.empty()) return "cases.csv is missing";
  return "";
}

CountedRun count_run(RunFiles files, const TableSpec& spec) {
  const MetricRecord& metric = *files.evaluation->find(spec.tta)->find(spec.metric);
  CountedRun run;
  run.value = metric.value;
  run.missed = metric.missed;
  run.cases = metric.count;
  run.patients = patients_of(files, spec);
  double seconds = 0;
  for (const EpochRecord& epoch : files.epochs) {
    seconds += epoch.seconds;
    const auto value = epoch.metrics.find(spec.metric);
    if (value != epoch.metrics.end() && std::isfinite(value->second)) run.curve.push_back({epoch.epoch, seconds, value->second});
  }
  run.files = std::move(files);
  return run;
}

/// The run, or the reason why it is not counted in `problems`.
std::optional<CountedRun> load_run(const TableRun& planned, const TableSpec& spec, std::vector<std::string>& problems) {
  const std::string seed = fmt::format("seed {}: ", planned.seed);
  if (!fs::exists(planned.folder)) {
    problems.push_back(seed + "not run");
    return {};
  }
  try {
    RunFiles files = read_run(planned.folder);
    const std::string reason = obstacle(files, spec);
    if (reason.empty()) return count_run(std::move(files), spec);
    problems.push_back(seed + reason);
  } catch (const Error& error) {
    problems.push_back(seed + error.what());
  }
  return {};
}

// ---- statistics ----

/// Means over seeds of the patients that every counted run has.
std::map<std::string, double> mean_patients(const std::vector<CountedRun>& runs) {
  std::map<std::string, double> means;
  if (runs.empty()) return means;
  for (const auto& [patient, first] : runs[0].patients) {
    double sum = 0;
    const bool is_common = std::all_of(runs.begin(), runs.end(), [&sum, &patient = patient](const CountedRun& run) {
      const auto found = run.patients.find(patient);
      if (found != run.patients.end()) sum += found->second;
      return found != run.patients.end();
    });
    if (is_common) means[patient] = sum / static_cast<double>(runs.size());
  }
  return means;
}

RowResult summarise(const std::vector<CountedRun>& runs, const TableSpec& spec) {
  RowResult row;
  for (const CountedRun& run : runs) {
    row.seeds.push_back(run.value);
    row.missed += run.missed;
    row.missed_of += run.cases;
    row.curves.push_back(run.curve);
  }
  row.mean = eval::mean(row.seeds);
  row.sd = eval::standard_deviation(row.seeds);
  row.patients = mean_patients(runs);
  std::vector<double> values;
  for (const auto& [patient, value] : row.patients) values.push_back(value);
  row.interval = eval::bootstrap_mean(values);
  const Reached reach = when_reached(row.curves, spec.reach);
  row.epochs_to_reach = reach.epochs;
  row.reached = reach.runs;
  row.never = reach.never;
  return row;
}

std::optional<Comparison> compare(const RowResult& row, const RowResult& reference) {
  std::vector<double> ours, theirs;
  for (const auto& [patient, value] : row.patients) {
    const auto found = reference.patients.find(patient);
    if (found == reference.patients.end()) continue;
    ours.push_back(value);
    theirs.push_back(found->second);
  }
  if (ours.empty()) return {};
  const double p = eval::wilcoxon(ours, theirs).p;
  return Comparison{eval::mean(ours) - eval::mean(theirs), p, p, static_cast<int64_t>(ours.size())};
}

void add_comparisons(TableResult& table) {
  const std::vector<std::string> names = names_of(table.spec.rows);
  const auto reference = static_cast<size_t>(std::find(names.begin(), names.end(), table.spec.reference) - names.begin());
  std::vector<double> p;
  std::vector<RowResult*> compared;
  for (size_t i = 0; i < table.rows.size(); ++i) {
    if (i == reference) continue;
    table.rows[i].comparison = compare(table.rows[i], table.rows[reference]);
    if (!table.rows[i].comparison) continue;
    p.push_back(table.rows[i].comparison->p);
    compared.push_back(&table.rows[i]);
  }
  const std::vector<double> adjusted = eval::adjust_p(p, "holm");
  for (size_t i = 0; i < compared.size(); ++i) compared[i]->comparison->p_holm = adjusted[i];
}

std::string joined(const std::set<std::string>& names) { return fmt::format("{}", fmt::join(names, " and ")); }

/// What the runs were made from, and a note where they do not fit together.
void describe_data(const std::vector<std::vector<CountedRun>>& runs, TableResult& table) {
  std::set<std::string> sources, splits, fingerprints, patients;
  std::set<double> thresholds;
  for (const auto& row : runs) {
    for (const CountedRun& run : row) {
      sources.insert(run.files.source());
      splits.insert(run.files.evaluation->split);
      fingerprints.insert(run.files.fingerprint());
      thresholds.insert(run.files.evaluation->threshold);
      table.is_phantom = table.is_phantom || run.files.is_phantom();
      table.leaks = table.leaks || run.files.leaks();
      for (const auto& [patient, value] : run.patients) patients.insert(patient);
    }
  }
  table.source = joined(sources);
  table.split = joined(splits);
  table.threshold = thresholds.size() == 1 ? *thresholds.begin() : kNone;
  table.patients = static_cast<int64_t>(patients.size());
  if (fingerprints.size() > 1) table.notes.emplace_back("The runs saw different data (their fingerprints differ).");
  if (splits.size() > 1) table.notes.emplace_back("The runs were scored on different sides of their splits.");
  if (thresholds.size() > 1) table.notes.emplace_back("The runs were scored with different thresholds.");
  for (size_t i = 0; i < table.rows.size(); ++i) {
    if (table.rows[i].seeds.empty() || table.rows[i].patients.size() == patients.size()) continue;
    table.notes.push_back(
        fmt::format("{} has {} of the {} patients.", table.spec.rows[i].name, table.rows[i].patients.size(), patients.size()));
  }
}

/// With few pairs even a perfect difference is not significant; a reader should know.
void add_p_note(TableResult& table) {
  constexpr int64_t kEnoughPairs = 6;  // 2 / 2^6 = 0.03
  int64_t fewest = std::numeric_limits<int64_t>::max();
  for (const RowResult& row : table.rows) {
    if (row.comparison) fewest = std::min(fewest, row.comparison->patients);
  }
  if (fewest >= kEnoughPairs) return;
  table.notes.push_back(fmt::format("With {} patient{} p cannot fall below {:g}.", fewest, fewest == 1 ? "" : "s",
                                    std::ldexp(1.0, 1 - static_cast<int>(fewest))));
}

}  // namespace

TableSpec read_table_spec(const fs::path& file) {
  const ConfigNode tree = read_yaml(file);
  TableSpec spec;
  spec.name = file.stem().string();
  spec.title = spec.name;
  std::string recipe;
  ConfigNode rows;
  Problems problems;
  options_of(spec, recipe, rows).read(tree, problems);
  read_rows(rows, recipe, file, spec, problems);
  check_reference(tree, spec, problems);
  problems.throw_if_any();
  return spec;
}

std::vector<TableRun> plan_runs(const TableSpec& spec, int64_t seeds, const fs::path& base) {
  std::vector<TableRun> runs;
  for (size_t row = 0; row < spec.rows.size(); ++row) {
    const fs::path folder = base / folder_name(spec.name) / folder_name(spec.rows[row].name);
    for (int64_t seed = 0; seed < seeds; ++seed) runs.push_back({row, seed, folder / fmt::format("seed-{}", seed)});
  }
  return runs;
}

TableResult collect_table(const TableSpec& spec, const std::vector<TableRun>& runs) {
  TableResult table;
  table.spec = spec;
  table.runs = static_cast<int64_t>(runs.size());
  std::vector<std::vector<CountedRun>> counted(spec.rows.size());
  std::vector<std::vector<std::string>> problems(spec.rows.size());
  for (const TableRun& run : runs) {
    if (std::optional<CountedRun> loaded = load_run(run, spec, problems[run.row])) counted[run.row].push_back(std::move(*loaded));
  }
  for (size_t i = 0; i < spec.rows.size(); ++i) {
    table.rows.push_back(summarise(counted[i], spec));
    table.rows.back().problems = std::move(problems[i]);
    table.runs_counted += static_cast<int64_t>(counted[i].size());
  }
  describe_data(counted, table);
  add_comparisons(table);
  add_p_note(table);
  return table;
}

}  // namespace larmor::report
