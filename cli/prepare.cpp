#include <fmt/format.h>

#include <charconv>
#include <iostream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "core/error.h"
#include "core/interrupt.h"
#include "core/progress.h"
#include "datasets/prepare_siberian.h"

namespace larmor::cli {

namespace {

struct PrepareOptions {
  std::string source, input, output;
  std::vector<std::string> labels;  ///< NAME=VALUE
  bool keep_all = false;
  datasets::PrepareSiberianOptions siberian;
};

std::map<std::string, int64_t> read_labels(const std::vector<std::string>& words) {
  std::map<std::string, int64_t> labels;
  for (const std::string& word : words) {
    const size_t equals = word.find('=');
    const std::string digits = equals == std::string::npos ? "" : word.substr(equals + 1);
    int64_t value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    const bool is_read = equals != 0 && !digits.empty() && error == std::errc() && end == digits.data() + digits.size();
    if (!is_read) throw_usage_error(fmt::format("--labels: {} is not NAME=VALUE, e.g. edema=2", in_quotes(word)));
    const std::string name = word.substr(0, equals);
    if (!labels.emplace(name, value).second) throw_usage_error(fmt::format("--labels: {} stands twice", in_quotes(name)));
  }
  return labels;
}

std::string outcome_of(const datasets::PreparedSubject& subject) {
  if (!subject.failure.empty()) return "EXCLUDED: " + subject.failure;
  return fmt::format("{}, {} with label{}", counted(subject.slices, "slice"), subject.slices_positive,
                     subject.was_kept ? "   (there already)" : "");
}

struct Totals {
  int64_t made = 0, kept = 0, excluded = 0, slices = 0, slices_positive = 0;
};

Totals totals_of(const datasets::PrepareReport& report) {
  Totals totals;
  for (const datasets::PreparedSubject& subject : report.subjects) {
    ++(!subject.failure.empty() ? totals.excluded : subject.was_kept ? totals.kept : totals.made);
    totals.slices += subject.slices;
    totals.slices_positive += subject.slices_positive;
  }
  return totals;
}

nlohmann::json to_json(const datasets::PrepareReport& report, const std::string& output) {
  nlohmann::json subjects = nlohmann::json::array(), findings = nlohmann::json::array();
  for (const datasets::PreparedSubject& subject : report.subjects) {
    subjects.push_back({{"subject", subject.name},
                        {"kept", subject.was_kept},
                        {"excluded", subject.failure},
                        {"slices", subject.slices},
                        {"slices_positive", subject.slices_positive}});
  }
  for (const datasets::Finding& finding : report.findings) findings.push_back({{"file", finding.file}, {"message", finding.message}});
  return {{"output", output}, {"phantom", report.is_phantom}, {"subjects", subjects}, {"findings", findings}};
}

void print(const datasets::PrepareReport& report, const std::string& output) {
  const Totals totals = totals_of(report);
  std::cout << fmt::format("{}: {}, {} with label{}\n", output, counted(totals.slices, "slice"), totals.slices_positive,
                           report.is_phantom ? "   PHANTOM DATA" : "");
  std::cout << fmt::format("subjects: {} made, {} there already, {} excluded\n", totals.made, totals.kept, totals.excluded);
  std::cout << fmt::format("look at {}/quality.png and {}/registration.csv before you train\n", output, output);
  for (const datasets::Finding& finding : report.findings) std::cout << fmt::format("  {}: {}\n", finding.file, finding.message);
}

/// Told even where nothing else is.
void print_excluded(const datasets::PrepareReport& report) {
  for (const datasets::PreparedSubject& subject : report.subjects) {
    if (!subject.failure.empty()) std::cerr << fmt::format("{}  {}\n", subject.name, outcome_of(subject));
  }
}

int run_prepare(const PrepareOptions& options, const GlobalOptions& global) {
  if (options.source != "siberian") throw_usage_error(unknown_name_message("source", options.source, {"siberian"}, "larmor help prepare"));
  require_folder("output", options.output);
  catch_interrupts();
  datasets::PrepareSiberianOptions siberian = options.siberian;
  siberian.raw.root = options.input;
  siberian.raw.labels = read_labels(options.labels);
  siberian.crop = !options.keep_all;
  siberian.threads = global.threads;
  std::unique_ptr<ProgressBar> bar;
  const auto progress = [&](int64_t done, int64_t total, const datasets::PreparedSubject& subject) {
    if (!bar) bar = std::make_unique<ProgressBar>("prepare", total, global.quiet ? ProgressStyle::quiet : ProgressStyle::automatic);
    bar->message(fmt::format("{:>4}/{}  {}  {}", done, total, subject.name, outcome_of(subject)));
    bar->update(done);
  };
  const datasets::PrepareReport report = datasets::prepare_siberian(siberian, options.output, progress);
  bar.reset();
  if (global.quiet) print_excluded(report);
  if (global.json) {
    std::cout << to_json(report, options.output).dump(2) << "\n";
  } else if (!global.quiet) {
    print(report, options.output);
  }
  return 0;
}

}  // namespace

Command prepare_command() {
  Command command{"prepare", Group::data, "register and resample volumes, once, for training", "", {}, "", {}};
  command.takes_json = true;
  command.description =
      "Reads subjects with T1, T1CE, FLAIR (T2) and labels as NIfTI, NRRD, DICOM series or in nnU-Net's layout, registers every sequence "
      "rigidly to T1CE, resamples all onto one grid of axial slices, scales each volume by its percentiles, and writes a folder that "
      "`data.source: siberian` trains on, with a contact sheet and a table of registrations to look at. A registration that fails excludes "
      "its subject. The same command goes on where it was stopped; the data are never written to.";
  command.examples = {{"larmor prepare siberian volumes prepared --size 64", "what `larmor phantom siberian volumes --voxel-mm 4` wrote"},
                      {"larmor prepare siberian volumes prepared --size 64 --n4", "with bias fields removed"},
                      {"larmor inspect prepared", "what is in it"}};
  command.sources = "Mattes et al., IEEE TMI 22, 2003 (registration); Tustison et al., IEEE TMI 29, 2010 (N4)";
  command.declare = [](Arguments& arguments) {
    auto options = std::make_shared<PrepareOptions>();
    datasets::PrepareSiberianOptions& siberian = options->siberian;
    arguments.positional("source", options->source, "which kind of data: siberian");
    arguments.positional("input", options->input, "folder of the data");
    arguments.positional("output", options->output, "folder to write to, or to go on in");
    arguments.option("--sequences", siberian.raw.sequences, "which sequences every subject must have; default: T1,T1CE,FLAIR");
    arguments.option("--exclude", siberian.raw.exclude, "subjects to leave out");
    arguments.option("--labels", options->labels, "label map, NAME=VALUE,…; default: dataset.json's, else edema=1 … necrotic=4");
    arguments.option("--label-on", siberian.label_on, "sequence that the labels were drawn on");
    arguments.option("--size", siberian.size, "side of the slices in voxels");
    arguments.option("--spacing-mm", siberian.spacing_mm, "voxel of the grid; 0: T1CE's own");
    arguments.flag("--keep-all", options->keep_all, "keep all slices of T1CE, not only those that show the head");
    arguments.flag("--n4", siberian.bias_field, "remove bias fields (N4)");
    arguments.option("--registration", siberian.registration, "rigid, or none where volumes lie on each other already");
    arguments.option("--points", siberian.registration_points, "points of the registration's last level");
    arguments.option("--low-percentile", siberian.low_percentile, "of the head's voxels; becomes 0");
    arguments.option("--high-percentile", siberian.high_percentile, "of the head's voxels; becomes 1");
    arguments.option("--memory-gib", siberian.memory_gib, "for all subjects at once; 0: half of the machine's");
    return [options](const GlobalOptions& global) { return run_prepare(*options, global); };
  };
  return command;
}

}  // namespace larmor::cli
