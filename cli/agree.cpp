#include "cli/agree.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/label_cases.h"
#include "core/csv.h"
#include "core/error.h"
#include "core/files.h"
#include "core/interrupt.h"
#include "core/progress.h"
#include "eval/agreement.h"

namespace larmor::cli {

namespace {

namespace fs = std::filesystem;
using Cases = std::map<std::string, LabelCase>;

constexpr const char* kTable = "agreement.csv";
constexpr const char* kJson = "agreement.json";

void require_allowed(const AgreeOptions& options) {
  std::error_code ignored;
  if (fs::equivalent(options.first, options.second, ignored)) {
    throw_usage_error(fmt::format("agree: {} and {} are the same; give two readers", options.first, options.second));
  }
  if (options.output.empty()) return;
  require_folder("--output", options.output);
  for (const std::string& source : {options.first, options.second}) {
    if (fs::is_directory(source, ignored)) require_apart("--output", options.output, source);
  }
  for (const char* name : {kTable, kJson}) {
    const fs::path file = fs::path(options.output) / name;
    if (options.overwrite || !fs::exists(file)) continue;
    throw_usage_error(fmt::format("--output: {} is there already; --overwrite replaces it", file.string()));
  }
}

/// Cases of one that the other lacks.
std::vector<std::string> lacking(const Cases& has, const Cases& lacks) {
  std::vector<std::string> names;
  for (const auto& [name, one] : has) {
    if (!lacks.contains(name)) names.push_back(name);
  }
  return names;
}

/// At most three, and how many more.
std::string some_of(const std::vector<std::string>& names) {
  constexpr size_t kShown = 3;
  std::vector<std::string> shown;
  for (size_t i = 0; i < std::min(kShown, names.size()); ++i) shown.push_back(in_quotes(names[i]));
  return fmt::format("{}{}", fmt::join(shown, ", "), names.size() > kShown ? fmt::format(" and {} more", names.size() - kShown) : "");
}

/// Two files are one case, whatever they are called.
void name_alike(const AgreeOptions& options, const Cases& first, Cases& second) {
  if (!fs::is_regular_file(options.first) || !fs::is_regular_file(options.second)) return;
  const LabelCase& one = first.begin()->second;
  LabelCase other = second.begin()->second;
  other.name = one.name;
  if (!one.is_volume && !other.is_volume) other.numbers = one.numbers;
  second = {{other.name, other}};
}

eval::Agreement compare(const Cases& first, const Cases& second, const GlobalOptions& global) {
  eval::Agreement agreement{{}, lacking(first, second), lacking(second, first)};
  const auto common = static_cast<int64_t>(first.size() - agreement.only_first.size());
  ProgressBar bar("agree", common, global.quiet ? ProgressStyle::quiet : ProgressStyle::automatic);
  for (const auto& [name, one] : first) {
    const auto other = second.find(name);
    if (other == second.end()) continue;
    if (interrupted()) throw_run_error("interrupted; nothing is written");
    const TwoReadings readings = load_readings(one, other->second);
    agreement.cases.push_back(eval::agree(name, readings.first, readings.second));
    bar.update(static_cast<int64_t>(agreement.cases.size()), name);
  }
  return agreement;
}

/// Such folders hold nobody's masks.
bool is_phantom(const AgreeOptions& options) {
  const auto is_marked = [](const std::string& place) { return fs::exists(fs::path(place) / "PHANTOM.txt"); };
  return is_marked(options.first) || is_marked(options.second);
}

std::string case_rows(const eval::Agreement& agreement) {
  std::string text = fmt::format("  {:<38}{:>7}{:>12}{:>9}\n", "case", "Dice", "HD95", "kappa");
  for (const eval::CaseAgreement& one : agreement.cases) {
    text += fmt::format("  {:<38}{:>7.4f}{:>9.2f} {}{:>9.4f}{}\n", printable(one.name), one.dice, one.hd95, one.unit, one.kappa,
                        one.one_empty ? "   one reader marks nothing" : "");
  }
  return text;
}

}  // namespace

int run_agree(const AgreeOptions& options, const GlobalOptions& global) {
  use_threads(global.threads);
  catch_interrupts();
  require_allowed(options);
  const Cases first = find_label_cases(options.first);
  Cases second = find_label_cases(options.second);
  name_alike(options, first, second);
  if (lacking(first, second).size() == first.size()) {
    throw_data_error(fmt::format("{} and {} have no case in common: {}; and {}; cases are matched by name", options.first, options.second,
                                 some_of(lacking(first, second)), some_of(lacking(second, first))));
  }
  eval::Agreement agreement = compare(first, second, global);
  agreement.is_phantom = is_phantom(options);
  const nlohmann::json json = eval::to_json(agreement);
  if (!options.output.empty()) {
    make_folder(options.output);
    write_file_atomically(fs::path(options.output) / kTable, to_csv(eval::agreement_table(agreement)));
    write_file_atomically(fs::path(options.output) / kJson, json.dump(2) + "\n");
  }
  if (global.json) {
    std::cout << json.dump() << "\n";
    return 0;
  }
  std::cout << case_rows(agreement) << "\n" << eval::to_text(agreement);
  for (const auto& [place, names] : {std::pair{&options.first, &agreement.only_first}, {&options.second, &agreement.only_second}}) {
    if (!names->empty()) std::cout << fmt::format("note     only in {}, left out: {}\n", *place, some_of(*names));
  }
  return 0;
}

Command agree_command() {
  Command command{"agree", Group::run, "two readers of the same cases: Dice, HD95, Cohen's kappa", "", {}, "", {}};
  command.takes_json = true;
  command.description =
      "Compares two readers' masks of the same cases: Dice and HD95 of the foreground, Cohen's kappa over all voxels, and with several "
      "labels "
      "kappa and Dice over labels; per case and as means with counts and 95 % bootstrap intervals over cases. A reader is a folder of "
      "label "
      "volumes (NIfTI, NRRD, .seg.nrrd) or of slices' masks (TIFF, PNG); cases are matched by name: <case>.nii.gz, <case>_label.nrrd, "
      "<case>/label.nii.gz, <case>_<n>_mask.tif. A data set, or what predict wrote, can be given as it is. larmor eval --readers "
      "agreement.json prints the result below a network's.";
  command.examples = {{"larmor agree phantom second --output agreement", "after larmor phantom lgg phantom --second-reader second"},
                      {"larmor agree phantom masks", "a network as the second reader: what predict wrote"}};
  command.sources = "Cohen 1960, Educational and Psychological Measurement 20:37; rules for empty masks: docs/reference/metrics.md";
  command.declare = [](Arguments& arguments) {
    auto options = std::make_shared<AgreeOptions>();
    arguments.positional("first", options->first, "the first reader's folder, or one mask");
    arguments.positional("second", options->second, "the second reader's");
    arguments.option("-o,--output", options->output, "folder for agreement.csv and agreement.json");
    arguments.flag("--overwrite", options->overwrite, "replace results that are there");
    return [options](const GlobalOptions& global) { return run_agree(*options, global); };
  };
  return command;
}

}  // namespace larmor::cli
