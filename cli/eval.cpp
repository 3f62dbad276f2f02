#include "cli/eval.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>
#include <filesystem>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "core/error.h"
#include "core/files.h"
#include "core/interrupt.h"
#include "core/progress.h"
#include "eval/tta.h"
#include "train/evaluate_run.h"
#include "train/trained_network.h"

namespace larmor::cli {

namespace {

namespace fs = std::filesystem;

/// `--json FILE.json` arrives as the flag and one more word, for --json alone means stdout.
EvalOptions with_json_file(EvalOptions options, bool json) {
  for (size_t i = 0; i < options.weights.size() && json && options.json.empty(); ++i) {
    if (fs::path(options.weights[i]).extension() != ".json") continue;
    options.json = options.weights[i];
    options.weights.erase(options.weights.begin() + static_cast<std::ptrdiff_t>(i));
  }
  return options;
}

train::EvaluateRequest make_request(const EvalOptions& options, const GlobalOptions& global) {
  if (options.weights.empty()) throw_usage_error("eval: no run or checkpoint given (larmor help eval)");
  require_one_of("--merge", "merge", options.merge, eval::merge_names());
  require_one_of("--merge-of", "value", options.merge_of, {"probabilities", "logits"});
  train::EvaluateRequest request;
  request.weights = options.weights;
  request.recipe = options.recipe;
  request.data_root = options.data;
  request.split = options.split;
  request.tta = options.tta;
  request.merge = options.merge;
  request.merge_of = options.merge_of;
  if (!std::isnan(options.threshold)) request.threshold = options.threshold;
  if (options.largest_component) request.largest_component = true;
  if (options.no_surface_distances) request.surface_distances = "never";
  request.surface_tolerances = options.surface_tolerances;
  if (options.no_detection) request.detection = "never";
  if (!std::isnan(options.lesion_overlap)) request.lesion_overlap = options.lesion_overlap;
  if (options.smallest_lesion != 0) request.smallest_lesion = options.smallest_lesion;
  if (!std::isnan(options.smallest_lesion_mm3)) request.smallest_lesion_mm3 = options.smallest_lesion_mm3;
  request.no_label = options.no_label;
  request.group_by = options.group_by;
  request.uncertainty = options.uncertainty;
  request.readers = options.readers;
  request.batch = options.batch;
  request.device = at::Device(global.device);
  return request;
}

/// One bar per way of augmentation.
class Bars {
 public:
  explicit Bars(bool quiet) : style_(quiet ? ProgressStyle::quiet : ProgressStyle::automatic) {}
  void update(const std::string& tta, int64_t done, int64_t total) {
    if (interrupted()) throw_run_error("interrupted; nothing is written");
    if (!bar_ || tta != tta_) bar_ = std::make_unique<ProgressBar>("tta " + tta, total, style_);
    tta_ = tta;
    bar_->update(done);
  }

 private:
  ProgressStyle style_;
  std::string tta_;
  std::unique_ptr<ProgressBar> bar_;
};

/// Where the results are kept; "" for nowhere.
std::string results_folder(const EvalOptions& options) {
  if (!options.output.empty()) return options.output;
  const bool is_one_run = options.weights.size() == 1 && train::is_run_folder(options.weights[0]);
  return is_one_run && !options.no_save ? options.weights[0] : "";
}

void write_files(const EvalOptions& options, const train::Evaluated& evaluated) {
  std::string folder = results_folder(options);
  if (options.output.empty() && !folder.empty() && evaluated.is_other_data) {
    std::cerr << fmt::format("{}: trained on other data, so its evaluation stays as it is; --output FOLDER keeps this one\n", folder);
    folder.clear();
  }
  if (!folder.empty()) eval::write_results(folder, evaluated.results, *evaluated.source);
  if (!options.csv.empty()) write_file_atomically(options.csv, to_csv(eval::case_table(evaluated.results)));
  if (!options.json.empty()) write_file_atomically(options.json, eval::to_json(evaluated.results).dump(2) + "\n");
}

}  // namespace

int run_eval(const EvalOptions& given, const GlobalOptions& global) {
  const EvalOptions options = with_json_file(given, global.json);
  use_device(global.device);
  use_threads(global.threads);
  catch_interrupts();
  train::EvaluateRequest request = make_request(options, global);
  train::Evaluated evaluated;
  {
    Bars bars(global.quiet);
    request.on_progress = [&](const std::string& tta, int64_t done, int64_t total) { bars.update(tta, done, total); };
    evaluated = train::evaluate_run(request);
  }
  write_files(options, evaluated);
  if (global.json && options.json.empty()) {
    std::cout << eval::to_json(evaluated.results).dump() << "\n";
  } else {
    std::cout << fmt::format("weights  {}\n", fmt::join(evaluated.results.weights, ", ")) << eval::to_text(evaluated.results);
  }
  return 0;
}

Command eval_command() {
  Command command{"eval", Group::run, "score a run or an ensemble: Dice with intervals, counts and misses", "", {}, "", {}};
  command.takes_json = true;
  command.description =
      "Scores runs, checkpoints or SMP folders on one side of their split, at the source's own size, and prints five stated aggregates of "
      "Dice, HD95, ASSD and NSD with "
      "counts, missed lesions and 95 % bootstrap intervals over patients, and detection: presence per slice and case, lesions found and "
      "false positives. The evaluation of one run is kept in its folder "
      "(evaluation.json, cases.csv, slices.csv, detections.csv, types.csv, overlays/). Several weights form an ensemble, the mean of their "
      "probabilities; it is "
      "refused on patients that one of its members has seen. --tta takes several, each gives its own table.";
  command.examples = {{"larmor eval runs/quickstart/seed-0 --tta none,tta1,tta2,tta3", "the effect of test-time augmentation"},
                      {"larmor eval runs/quickstart/seed-0 --tta none,tta2 --group-by gender", "the same for groups of patients"},
                      {"larmor eval runs/quickstart/seed-0 --tta d4 --uncertainty", "is it unsure where it is wrong?"},
                      {"larmor eval runs/quickstart/seed-0 --tta d4 --json out.json", "results for machines"},
                      {"larmor eval runs/quickstart/seed-0 --split train --output seen", "the training patients, kept elsewhere"}};
  command.sources = "aggregates of Dice, surface distances, detection: docs/reference/metrics.md; D4 views: ttach 0.0.3";
  command.declare = [](Arguments& arguments) {
    auto options = std::make_shared<EvalOptions>();
    arguments.positionals("weights", options->weights, "run folder, checkpoint or SMP folder; several form an ensemble", true);
    arguments.option("--tta", options->tta,
                     "test-time augmentation: none, tta1, tta2, tta3 (d4), hflip, vflip; comma separated; default the recipe's");
    arguments.option("--merge", options->merge, "how views are merged: mean, gmean, max, min, sum, tsharpen; default the recipe's");
    arguments.option("--merge-of", options->merge_of, "what is merged: probabilities or logits; default the recipe's");
    arguments.option("--split", options->split, "which side: val, test, hold_out or train");
    arguments.option("--data", options->data, "data folder; default the recipe's data.root");
    arguments.option("--recipe", options->recipe, "recipe of weights that hold none");
    arguments.option("--threshold", options->threshold, "probability from which on a pixel is inside; default the recipe's");
    arguments.flag("--largest-component", options->largest_component, "keep the largest face-connected 3-D component of a patient");
    arguments.flag("--no-surface-distances", options->no_surface_distances, "leave out HD95, ASSD and NSD");
    arguments.option("--surface-tolerances", options->surface_tolerances,
                     "tolerances of NSD in mm (pixels where the source knows no spacing), comma separated; default the recipe's");
    arguments.flag("--no-detection", options->no_detection, "leave out presence per slice and case, and lesions found");
    arguments.option("--lesion-overlap", options->lesion_overlap,
                     "share of a true lesion's voxels that must be predicted to find it, 0 for any; default the recipe's");
    arguments.option("--smallest-lesion", options->smallest_lesion, "voxels of the smallest lesion that counts; 0: the recipe's");
    arguments.option("--smallest-lesion-mm3", options->smallest_lesion_mm3, "the same in mm³; default the recipe's");
    arguments.flag("--no-label", options->no_label, "leave out the type of the cases (task.label), where it is not known");
    arguments.option("--group-by", options->group_by, "column of the patients' metadata, e.g. a tumour type: Dice and HD95 of each group");
    arguments.flag("--uncertainty", options->uncertainty,
                   "calibration over pixels (reliability.csv) and review.csv, the most uncertain case first, with its Dice beside it");
    arguments.option("--readers", options->readers, "agreement.json of larmor agree: two readers of these patients, below the network");
    arguments.option("--batch", options->batch, "slices in one forward pass; 0: the recipe's");
    arguments.option("--csv", options->csv, "file for the per-case table");
    arguments.option("--output", options->output,
                     "folder for evaluation.json, cases.csv, slices.csv, detections.csv and overlays/; default the run's");
    arguments.flag("--no-save", options->no_save, "leave the run folder as it is");
    return [options](const GlobalOptions& global) { return run_eval(*options, global); };
  };
  return command;
}

}  // namespace larmor::cli
