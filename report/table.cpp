#include "report/table.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "core/error.h"
#include "report/run_files.h"

namespace larmor::report {

namespace {

namespace fs = std::filesystem;

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

std::vector<std::string> names_of(const std::vector<TableRow>& rows) {
  std::vector<std::string> names;
  names.reserve(rows.size());
  for (const TableRow& row : rows) names.push_back(row.name);
  return names;
}

// ---- the runs ----

/// What has been evaluated once: of one run, or of an ensemble.
struct CountedScore {
  double value = kNone;
  std::map<std::string, double> patients;
  int64_t missed = 0, cases = 0;
  RunFiles files;  ///< the evaluation's
};

/// One seed of a row on one side: all its evaluations, which is one, or one per fold.
struct CountedSeed {
  double value = kNone;
  std::map<std::string, double> patients;
  int64_t missed = 0, cases = 0;
  std::vector<RunCurve> curves;  ///< of each run; of rows with runs of their own
  std::vector<double> epoch_seconds, patient_seconds, memory_mib;
  std::vector<RunFiles> files;
};

/// Every run is read once, however many evaluations use it.
class RunCache {
 public:
  const RunFiles& of(const fs::path& folder) {
    const auto known = known_.find(folder);
    return known != known_.end() ? known->second : known_[folder] = read_run(folder);
  }

 private:
  std::map<fs::path, RunFiles> known_;
};

/// Each patient's value, the mean over its classes; patients without a value are left out.
std::map<std::string, double> patients_of(const RunFiles& files, const TableSpec& spec, const std::string& tta_name) {
  const CsvTable& cases = files.cases;
  const std::string& column = patient_columns().at(spec.metric);
  const size_t tta = cases.column("tta"), patient = cases.column("patient"), value = cases.column(column);
  std::map<std::string, std::pair<double, int64_t>> sums;
  for (const auto& row : cases.rows) {
    if (row[tta] != tta_name) continue;
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
std::string obstacle(const RunFiles& run) {
  if (run.end && run.end->is_finished) return "";
  return fmt::format("unfinished after epoch {}", run.epochs.empty() ? 0 : run.epochs.back().epoch);
}

/// Why an evaluation cannot be counted.
std::string obstacle(const RunFiles& files, const TableSpec& spec, const std::string& tta) {
  if (!files.evaluation) return "not evaluated";
  const EvaluationRecord* evaluation = files.evaluation->find(tta);
  if (evaluation == nullptr) return fmt::format("no evaluation with tta {}", tta);
  const MetricRecord* metric = evaluation->find(spec.metric);
  if (metric == nullptr || !std::isfinite(metric->value)) return fmt::format("no value of {}", spec.metric);
  if (files.cases.header.empty()) return "cases.csv is missing";
  return "";
}

/// Reads what is there of a table.
class Collector {
 public:
  Collector(const TableSpec& spec, const TablePlan& plan) : spec_(spec), plan_(plan) {}

  /// The seed, or the reasons why it is not counted in `problems`.
  std::optional<CountedSeed> load(size_t row, int64_t seed, const std::string& side, std::vector<std::string>& problems) {
    std::vector<CountedScore> scores;
    std::vector<std::string> reasons;
    for (const TableScore& score : plan_.scores) {
      if (score.row != row || score.seed != seed || score.side != side) continue;
      ++evaluations;
      const std::string place = place_of(score);
      try {
        std::string reason = why_not(score);
        if (reason.empty()) reason = add(score, scores);
        if (!reason.empty()) reasons.push_back(place + reason);
      } catch (const Error& error) {
        reasons.push_back(place + error.what());
      }
    }
    counted += static_cast<int64_t>(scores.size());
    problems.insert(problems.end(), reasons.begin(), reasons.end());
    if (!reasons.empty() || scores.empty()) return {};
    return combine(row, seed, std::move(scores));
  }

  int64_t evaluations = 0, counted = 0;

 private:
  std::string place_of(const TableScore& score) const {
    std::string place = fmt::format("seed {}", score.seed);
    const int64_t fold = plan_.runs[score.runs.front()].fold;
    if (fold >= 0 && !spec_.rows[score.row].ensemble) place += fmt::format(", fold {}", fold);
    if (score.side != spec_.sides.front()) place += fmt::format(", {} side", score.side);
    return place + ": ";
  }

  /// Looks at the runs that an evaluation stands on.
  std::string why_not(const TableScore& score) {
    for (const size_t i : score.runs) {
      const TableRun& run = plan_.runs[i];
      const std::string which = score.runs.size() > 1 ? fmt::format("fold {}: ", run.fold) : "";
      if (!fs::exists(run.folder)) return which + "not run";
      const std::string reason = obstacle(runs_.of(run.folder));
      if (!reason.empty()) return which + reason;
    }
    return "";
  }

  std::string add(const TableScore& score, std::vector<CountedScore>& scores) {
    const std::string& tta = spec_.tta_of(spec_.rows[score.row]);
    RunFiles files = plan_.is_in_run(score) ? runs_.of(score.folder) : read_evaluation_of(score.folder, plan_.weights_of(score));
    std::string reason = obstacle(files, spec_, tta);
    if (!reason.empty()) return reason;
    const MetricRecord& metric = *files.evaluation->find(tta)->find(spec_.metric);
    std::map<std::string, double> patients = patients_of(files, spec_, tta);
    scores.push_back({metric.value, std::move(patients), metric.missed, metric.count, std::move(files)});
    return "";
  }

  CountedSeed combine(size_t row, int64_t seed, std::vector<CountedScore> scores) {
    CountedSeed result;
    std::map<std::string, std::pair<double, int64_t>> sums;
    for (CountedScore& score : scores) {
      for (const auto& [patient, value] : score.patients) {
        sums[patient].first += value;
        sums[patient].second += 1;
      }
      const EvaluationRecord* evaluation = score.files.evaluation->find(spec_.tta_of(spec_.rows[row]));
      result.patient_seconds.push_back(evaluation->seconds / static_cast<double>(std::max<int64_t>(1, score.files.evaluation->patients)));
      result.missed += score.missed;
      result.cases += score.cases;
      result.files.push_back(std::move(score.files));
    }
    double total = 0;
    for (const auto& [patient, sum] : sums) total += result.patients[patient] = sum.first / static_cast<double>(sum.second);
    result.value = scores.size() == 1 ? scores[0].value : total / static_cast<double>(sums.size());
    result.curves = curves_of(row, seed);
    add_costs(row, seed, result);
    return result;
  }

  void add_costs(size_t row, int64_t seed, CountedSeed& result) {
    constexpr double kMebibyte = 1 << 20;
    for (const TableRun& run : plan_.runs) {
      if (run.row != row || run.seed != seed) continue;
      const RunFiles& files = runs_.of(run.folder);
      for (const EpochRecord& epoch : files.epochs) {
        if (std::isfinite(epoch.seconds)) result.epoch_seconds.push_back(epoch.seconds);  // a resumed one has none
      }
      if (files.end && files.end->process_peak_memory > 0) {
        result.memory_mib.push_back(static_cast<double>(files.end->process_peak_memory) / kMebibyte);
      }
    }
  }

  std::vector<RunCurve> curves_of(size_t row, int64_t seed) {
    std::vector<RunCurve> curves;
    for (const TableRun& run : plan_.runs) {
      if (run.row != row || run.seed != seed) continue;
      curves.emplace_back();
      double seconds = 0;
      for (const EpochRecord& epoch : runs_.of(run.folder).epochs) {
        seconds += epoch.seconds;
        const auto value = epoch.metrics.find(spec_.metric);
        if (value != epoch.metrics.end() && std::isfinite(value->second)) curves.back().push_back({epoch.epoch, seconds, value->second});
      }
    }
    return curves;
  }

  const TableSpec& spec_;
  const TablePlan& plan_;
  RunCache runs_;
};

// ---- statistics ----

/// Means over seeds of the patients that every counted run has.
std::map<std::string, double> mean_patients(const std::vector<CountedSeed>& runs) {
  std::map<std::string, double> means;
  if (runs.empty()) return means;
  for (const auto& [patient, first] : runs[0].patients) {
    double sum = 0;
    const bool is_common = std::all_of(runs.begin(), runs.end(), [&sum, &patient = patient](const CountedSeed& run) {
      const auto found = run.patients.find(patient);
      if (found != run.patients.end()) sum += found->second;
      return found != run.patients.end();
    });
    if (is_common) means[patient] = sum / static_cast<double>(runs.size());
  }
  return means;
}

void add_costs(const std::vector<CountedSeed>& runs, RowResult& row) {
  std::vector<double> epochs, patients;
  row.memory_mib = kNone;
  for (const CountedSeed& run : runs) {
    epochs.insert(epochs.end(), run.epoch_seconds.begin(), run.epoch_seconds.end());
    patients.insert(patients.end(), run.patient_seconds.begin(), run.patient_seconds.end());
    for (const double memory : run.memory_mib) row.memory_mib = std::isnan(row.memory_mib) ? memory : std::max(row.memory_mib, memory);
  }
  row.epoch_seconds = eval::mean(epochs);
  row.patient_seconds = eval::mean(patients);
}

std::vector<DistanceResult> distances_of(const std::vector<CountedSeed>& runs, const std::string& tta) {
  std::vector<std::vector<const EvaluationRecord*>> seeds;
  for (const CountedSeed& run : runs) {
    seeds.emplace_back();
    for (const RunFiles& files : run.files) seeds.back().push_back(files.evaluation->find(tta));
  }
  return summarise_distances(seeds);
}

RowResult summarise(const std::vector<CountedSeed>& runs, const TableSpec& spec, const std::string& tta) {
  RowResult row;
  for (const CountedSeed& run : runs) {
    row.seeds.push_back(run.value);
    row.missed += run.missed;
    row.missed_of += run.cases;
    row.curves.insert(row.curves.end(), run.curves.begin(), run.curves.end());
  }
  add_costs(runs, row);
  row.distances = distances_of(runs, tta);
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

SideResult other_side(Collector& collector, size_t row, const std::set<int64_t>& seeds, const std::string& side,
                      std::vector<std::string>& problems) {
  SideResult result{side, {}, kNone, kNone};
  for (const int64_t seed : seeds) {
    if (const std::optional<CountedSeed> loaded = collector.load(row, seed, side, problems)) result.seeds.push_back(loaded->value);
  }
  result.mean = eval::mean(result.seeds);
  result.sd = eval::standard_deviation(result.seeds);
  return result;
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
void describe_data(const std::vector<std::vector<CountedSeed>>& runs, TableResult& table) {
  std::set<std::string> sources, splits, fingerprints, patients, preparations;
  std::set<double> thresholds;
  for (const auto& row : runs) {
    for (const CountedSeed& run : row) {
      for (const auto& [patient, value] : run.patients) patients.insert(patient);
      for (const RunFiles& files : run.files) {
        sources.insert(files.source());
        splits.insert(files.evaluation->split);
        fingerprints.insert(files.fingerprint());
        thresholds.insert(files.evaluation->threshold);
        preparations.insert(files.evaluation->preprocess);
        table.is_phantom = table.is_phantom || files.is_phantom();
        table.leaks = table.leaks || files.leaks();
      }
    }
  }
  table.source = joined(sources);
  table.split = joined(splits);
  table.threshold = thresholds.size() == 1 ? *thresholds.begin() : kNone;
  table.patients = static_cast<int64_t>(patients.size());
  if (preparations.size() > 1) table.notes.emplace_back("Some runs were scored on slices that were prepared in another way than others'.");
  preparations.erase("none");
  table.preprocess = joined(preparations);
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

TableResult collect_table(const TableSpec& spec, const TablePlan& plan) {
  TableResult table;
  table.spec = spec;
  Collector collector(spec, plan);
  std::set<int64_t> seeds;
  for (const TableScore& score : plan.scores) seeds.insert(score.seed);
  std::vector<std::vector<CountedSeed>> counted(spec.rows.size());
  for (size_t i = 0; i < spec.rows.size(); ++i) {
    std::vector<std::string> problems;
    for (const int64_t seed : seeds) {
      if (std::optional<CountedSeed> loaded = collector.load(i, seed, spec.sides.front(), problems))
        counted[i].push_back(std::move(*loaded));
    }
    table.rows.push_back(summarise(counted[i], spec, spec.tta_of(spec.rows[i])));
    for (size_t k = 1; k < spec.sides.size(); ++k) table.rows[i].others.push_back(other_side(collector, i, seeds, spec.sides[k], problems));
    table.rows[i].problems = std::move(problems);
  }
  table.runs = collector.evaluations;
  table.runs_counted = collector.counted;
  describe_data(counted, table);
  add_comparisons(table);
  add_p_note(table);
  return table;
}

}  // namespace larmor::report
