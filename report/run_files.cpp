#include "report/run_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <sstream>

#include "core/error.h"
#include "core/files.h"
#include "core/progress.h"

namespace larmor::report {

namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
constexpr const char* kEvaluationFormat = "larmor-evaluation/1";

// Readers that take any JSON: a wrong type reads as absent, so that a strange file gives a thin report, not a crash.

const Json& member(const Json& json, const char* key) {
  static const Json absent;
  const auto found = json.is_object() ? json.find(key) : json.end();
  return json.is_object() && found != json.end() ? *found : absent;
}

std::string text_of(const Json& json, const char* key) {
  const Json& value = member(json, key);
  return value.is_string() ? value.get<std::string>() : "";
}

double number_of(const Json& json, const char* key) {
  const Json& value = member(json, key);
  return value.is_number() ? value.get<double>() : kNone;
}

int64_t integer_of(const Json& json, const char* key) {
  const double value = number_of(json, key);
  return std::isfinite(value) && std::abs(value) < 9e15 ? static_cast<int64_t>(value) : 0;
}

bool flag_of(const Json& json, const char* key) {
  const Json& value = member(json, key);
  return value.is_boolean() && value.get<bool>();
}

/// The elements of an array, or none.
const Json& list_of(const Json& json, const char* key) {
  static const Json none = Json::array();
  const Json& value = member(json, key);
  return value.is_array() ? value : none;
}

std::string side_of(const Json& data, const char* key) {
  const Json& side = member(data, key);
  if (!side.is_object()) return "";
  return fmt::format("{}, {} ({} with label)", counted(integer_of(side, "patients"), "patient"),
                     counted(integer_of(side, "slices"), "slice"), integer_of(side, "positive_slices"));
}

std::string versions_of(const Json& versions) {
  std::string text;
  if (!versions.is_object()) return text;
  for (const auto& [name, version] : versions.items()) {
    if (version.is_string()) text += (text.empty() ? "" : ", ") + name + " " + version.get<std::string>();
  }
  return text;
}

StartRecord start_of(const Json& event) {
  const Json &data = member(event, "data"), &model = member(event, "model");
  StartRecord start;
  start.time = text_of(event, "time");
  start.recipe = text_of(event, "recipe");
  start.command = text_of(event, "command");
  start.device = text_of(event, "device");
  start.versions = versions_of(member(event, "versions"));
  start.threads = integer_of(event, "threads");
  start.seed = integer_of(event, "seed");
  start.source = text_of(data, "source");
  start.fingerprint = text_of(data, "fingerprint");
  start.patients = integer_of(data, "patients");
  start.slices = integer_of(data, "slices");
  start.train_side = side_of(data, "train");
  start.validation_side = side_of(data, "validation");
  start.is_phantom = flag_of(data, "phantom");
  start.leaks = flag_of(data, "leaks");
  start.model = text_of(model, "name");
  start.parameters = integer_of(model, "parameters");
  start.used_parameters = integer_of(model, "used_parameters");
  return start;
}

void add_end(const Json& event, bool is_finished, EndRecord& end) {
  const double seconds = number_of(event, "wall_seconds"), share = number_of(event, "wait_share");
  end.is_finished = is_finished;
  end.stopped_early = flag_of(event, "stopped_early");
  end.best_epoch = integer_of(event, "best_epoch");
  end.best_value = number_of(event, "best_value");
  end.sessions += 1;
  end.process_peak_memory = std::max(end.process_peak_memory, integer_of(event, "process_peak_memory"));
  if (std::isfinite(seconds)) end.wall_seconds += seconds;
  if (std::isfinite(seconds * share)) end.wait_seconds += seconds * share;
}

/// A killed run may leave half a line; lines that are not JSON are passed over.
void read_log(const fs::path& file, RunFiles& run) {
  if (!fs::exists(file)) return;
  std::istringstream lines(read_file(file));
  for (std::string line; std::getline(lines, line);) {
    const Json event = Json::parse(line, nullptr, /*allow_exceptions=*/false);
    const std::string kind = text_of(event, "event");
    if (kind == "start") run.end.reset();
    if (kind == "start" || kind == "resume") run.start = start_of(event);
    if (kind == "resume" && run.end) run.end->is_finished = false;
    if (kind == "end" || kind == "interrupted") {
      if (!run.end) run.end.emplace();
      add_end(event, kind == "end", *run.end);
    }
  }
}

void read_metrics(const fs::path& file, RunFiles& run) {
  if (!fs::exists(file)) return;
  const CsvTable table = read_csv(file);
  const size_t epoch = table.column("epoch"), first = table.column("validation_loss") + 1, last = table.column("lr");
  for (size_t i = first; i < last; ++i) run.metric_names.push_back(table.header[i]);
  for (size_t i = 0; i < table.rows.size(); ++i) {
    const auto number = [&](size_t column) {
      return parse_number(table.rows[i][column], fmt::format("{}: row {}: {}", file.string(), i + 1, table.header[column]));
    };
    const auto optional = [&](const char* name) {
      const auto found = std::find(table.header.begin(), table.header.end(), name);
      return found == table.header.end() ? kNone : number(static_cast<size_t>(found - table.header.begin()));
    };
    EpochRecord record{static_cast<int64_t>(number(epoch)),
                       number(table.column("loss")),
                       number(table.column("validation_loss")),
                       number(table.column("lr")),
                       number(table.column("seconds")),
                       number(table.column("wait_share")),
                       number(table.column("images_per_second")),
                       optional("steps"),
                       optional("skipped_steps"),
                       {}};
    for (size_t column = first; column < last; ++column) record.metrics[table.header[column]] = number(column);
    run.epochs.push_back(std::move(record));
  }
}

std::vector<MetricRecord> metrics_of(const Json& json) {
  std::vector<MetricRecord> metrics;
  for (const Json& metric : list_of(json, "metrics")) {
    metrics.push_back({text_of(metric, "name"), number_of(metric, "value"), number_of(metric, "low"), number_of(metric, "high"),
                       integer_of(metric, "count"), integer_of(metric, "missed"), text_of(metric, "unit"),
                       integer_of(metric, "one_empty")});
  }
  return metrics;
}

EvaluationRecord evaluation_of(const Json& json) {
  EvaluationRecord record{text_of(json, "tta"),       text_of(json, "merge"), text_of(json, "merge_of"),
                          number_of(json, "seconds"), metrics_of(json),       {}};
  const Json& uncertainty = member(json, "uncertainty");
  if (uncertainty.is_object()) {
    record.uncertainty = {integer_of(uncertainty, "members"), integer_of(uncertainty, "cases"), number_of(uncertainty, "ece"),
                          number_of(uncertainty, "spearman")};
  }
  return record;
}

void read_evaluation(const fs::path& file, RunFiles& run) {
  if (!fs::exists(file)) return;
  const Json json = Json::parse(read_file(file), nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) throw_data_error(file.string() + ": not JSON; run `larmor eval` again");
  if (text_of(json, "format") != kEvaluationFormat) {
    throw_data_error(fmt::format("{}: format {}; must be '{}'", file.string(), in_quotes(text_of(json, "format")), kEvaluationFormat));
  }
  const Json& data = member(json, "data");
  EvaluationFile evaluation;
  evaluation.split = text_of(json, "split");
  for (const Json& checksum : list_of(json, "checksums")) {
    if (checksum.is_string()) evaluation.checksums.push_back(checksum.get<std::string>());
  }
  evaluation.threshold = number_of(json, "threshold");
  evaluation.largest_component = flag_of(json, "largest_component");
  evaluation.source = text_of(data, "source");
  evaluation.fingerprint = text_of(data, "fingerprint");
  if (const std::string kind = text_of(data, "preprocess"); !kind.empty()) evaluation.preprocess = kind;
  evaluation.is_phantom = flag_of(data, "phantom");
  evaluation.leaks = flag_of(data, "leaks");
  evaluation.patients = integer_of(data, "patients");
  evaluation.slices = integer_of(data, "slices");
  evaluation.slices_positive = integer_of(data, "slices_positive");
  for (const Json& one : list_of(json, "evaluations")) evaluation.evaluations.push_back(evaluation_of(one));
  for (const Json& one : list_of(json, "overlays")) {
    evaluation.overlays.push_back({text_of(one, "rank"), text_of(one, "patient"), fs::path(text_of(one, "file")).filename().string(),
                                   integer_of(one, "slice"), number_of(one, "dice")});
  }
  const Json& readers = member(json, "readers");
  if (readers.is_object()) {
    evaluation.readers = {integer_of(readers, "cases"), integer_of(readers, "volumes"), flag_of(readers, "phantom"), metrics_of(readers)};
  }
  run.evaluation = std::move(evaluation);
}

/// True when the best weights were replaced after the evaluation.
bool is_outdated(const EvaluationFile& evaluation, const fs::path& best) {
  if (!fs::exists(best)) return false;
  return std::find(evaluation.checksums.begin(), evaluation.checksums.end(), checksum_of_file(best)) == evaluation.checksums.end();
}

}  // namespace

const MetricRecord* EvaluationRecord::find(const std::string& metric) const {
  for (const MetricRecord& record : metrics) {
    if (record.name == metric) return &record;
  }
  return nullptr;
}

const EvaluationRecord* EvaluationFile::find(const std::string& tta) const {
  for (const EvaluationRecord& record : evaluations) {
    if (record.tta == tta) return &record;
  }
  return nullptr;
}

bool RunFiles::is_phantom() const { return (start && start->is_phantom) || (evaluation && evaluation->is_phantom); }

bool RunFiles::leaks() const { return (start && start->leaks) || (evaluation && evaluation->leaks); }

std::string RunFiles::source() const { return evaluation ? evaluation->source : start ? start->source : ""; }

std::string RunFiles::fingerprint() const { return evaluation ? evaluation->fingerprint : start ? start->fingerprint : ""; }

std::string RunFiles::recipe_value(const std::string& dotted, const std::string& otherwise) const {
  const ConfigNode* node = recipe.find_path(dotted);
  return node != nullptr && node->is_scalar() ? node->scalar : otherwise;
}

std::string prepared_slices(const std::string& preprocess) {
  return fmt::format("slices as prepared by data.preprocess.kind {}, not at the source's size; what it cuts or leaves out is not scored",
                     preprocess);
}

double parse_number(const std::string& text, const std::string& place) {
  if (text.empty()) return kNone;
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size())
    throw_data_error(fmt::format("{}: {} is not a number", place, in_quotes(text)));
  return value;
}

RunFiles read_run(const fs::path& folder) {
  if (!fs::is_directory(folder)) throw_data_error(folder.string() + ": no such run folder");
  const bool has_recipe = fs::exists(folder / "recipe.yaml");
  if (!has_recipe && !fs::exists(folder / "log.jsonl")) {
    throw_data_error(folder.string() + ": not a run: neither recipe.yaml nor log.jsonl is in it");
  }
  RunFiles run;
  run.root = folder;
  if (has_recipe) run.recipe = read_yaml(folder / "recipe.yaml");
  read_log(folder / "log.jsonl", run);
  read_metrics(folder / "metrics.csv", run);
  read_evaluation(folder / "evaluation.json", run);
  run.has_outdated_evaluation = run.evaluation && is_outdated(*run.evaluation, folder / "checkpoints/best.safetensors");
  if (run.has_outdated_evaluation) {
    run.evaluation.reset();
  } else if (fs::exists(folder / "cases.csv")) {
    run.cases = read_csv(folder / "cases.csv");
  }
  return run;
}

RunFiles read_evaluation_of(const fs::path& folder, const std::vector<fs::path>& weights) {
  RunFiles run;
  run.root = folder;
  read_evaluation(folder / "evaluation.json", run);
  if (!run.evaluation) return run;
  std::vector<std::string> wanted;
  wanted.reserve(weights.size());
  for (const fs::path& file : weights) wanted.push_back(fs::exists(file) ? checksum_of_file(file) : "");
  run.has_outdated_evaluation = run.evaluation->checksums != wanted;
  if (run.has_outdated_evaluation) {
    run.evaluation.reset();
  } else if (fs::exists(folder / "cases.csv")) {
    run.cases = read_csv(folder / "cases.csv");
  }
  return run;
}

}  // namespace larmor::report
