#include "cli/predict.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <iostream>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/predict_cases.h"
#include "cli/predict_output.h"
#include "cli/predict_subjects.h"
#include "core/csv.h"
#include "core/error.h"
#include "core/files.h"
#include "core/interrupt.h"
#include "core/progress.h"
#include "core/tensors.h"
#include "datasets/lgg.h"
#include "eval/decode.h"
#include "eval/predict_slices.h"
#include "eval/predictor.h"
#include "eval/review.h"
#include "eval/segmentation.h"
#include "eval/tta.h"
#include "train/experiment.h"
#include "train/trained_network.h"

namespace larmor::cli {

namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr const char* kReviewFile = "review.csv";

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

bool is_tensor_file(const std::string& input) { return fs::path(input).extension() == ".safetensors"; }

/// Networks, task and how they are used, as the options and the recipe say.
struct Setup {
  std::vector<std::shared_ptr<models::Segmenter>> networks;
  train::Recipe recipe;
  std::unique_ptr<eval::Task> task;
  eval::SegmentationOptions segmentation;
  std::vector<int64_t> channels;  ///< of a slice file, in the order of training; empty: all
  std::string preparation;        ///< of the training volumes, where the weights tell it
};

eval::SegmentationOptions read_segmentation(const train::Recipe& recipe) {
  if (recipe.task != "segmentation") throw_usage_error("predict writes masks; this recipe's task is '" + recipe.task + "'");
  eval::SegmentationOptions options;
  Problems problems;
  eval::options_of(options).read(recipe.task_options, problems, "task.");
  problems.throw_if_any();
  return options;
}

/// What of a slice file the network was trained on, where the source says so; else empty: all channels.
std::vector<int64_t> slice_channels(const train::Recipe& recipe) {
  if (recipe.data.source != "lgg") return {};
  datasets::LggOptions options;
  Problems problems;
  datasets::options_of(options).read(recipe.data.options, problems, "data.");
  problems.throw_if_any();
  return datasets::lgg_channels(options.channels);
}

void require_allowed(const PredictOptions& options) {
  if (options.weights.empty()) throw_usage_error("predict: no weights given (larmor help predict)");
  if (options.input.empty()) throw_usage_error("--input: say what to predict");
  if (options.batch < 1) throw_usage_error(fmt::format("--batch: {} is not allowed; must be >= 1", options.batch));
  if (options.size < 0) throw_usage_error(fmt::format("--size: {} is not allowed; must be >= 0", options.size));
  require_one_of("--tta", "test-time augmentation", options.tta, eval::tta_names());
  require_one_of("--merge", "merge", options.merge, eval::merge_names());
  require_one_of("--merge-of", "value", options.merge_of, {"probabilities", "logits"});
  if (options.threshold < 0 || options.threshold > 1) {
    throw_usage_error(fmt::format("--threshold: {:g} is not allowed; must be in [0, 1]", options.threshold));
  }
}

void require_size_fits(int64_t size, const models::SegmenterInfo& info) {
  const int64_t next = (size + info.stride - 1) / info.stride * info.stride;
  if (size == next) return;
  throw_usage_error(
      fmt::format("--size: {} is not allowed; {} needs multiples of {}, e.g. {}", size, info.architecture, info.stride, next));
}

void apply(const PredictOptions& options, Setup& setup) {
  if (!options.tta.empty()) setup.recipe.eval.tta = options.tta;
  if (!options.merge.empty()) setup.recipe.eval.merge = options.merge;
  if (!options.merge_of.empty()) setup.recipe.eval.merge_of = options.merge_of;
  if (options.size > 0) setup.recipe.data.size = options.size;
  if (options.largest_component) setup.segmentation.largest_component = true;
  if (!std::isnan(options.threshold)) setup.segmentation.threshold = options.threshold;
}

/// How the training volumes of all members were prepared; "" where the first does not tell.
std::string common_preparation(const std::vector<std::string>& weights, const std::vector<train::TrainedNetwork>& members) {
  for (size_t i = 1; i < members.size(); ++i) {
    if (members[i].data.preparation == members[0].data.preparation) continue;
    throw_usage_error(
        fmt::format("ensemble: {} was trained on volumes that were prepared otherwise than those of {}", weights[i], weights[0]));
  }
  return members[0].data.preparation;
}

Setup make_setup(const PredictOptions& options) {
  const std::vector<train::TrainedNetwork> members = train::load_ensemble(options.weights, options.recipe);
  Setup setup;
  for (const train::TrainedNetwork& member : members) setup.networks.push_back(member.network);
  setup.recipe = members[0].recipe;
  setup.preparation = common_preparation(options.weights, members);
  setup.segmentation = read_segmentation(setup.recipe);
  setup.channels = slice_channels(setup.recipe);
  require_size_fits(options.size, setup.networks[0]->info());
  apply(options, setup);
  setup.segmentation.label = {};  // masks alone are written
  setup.task = eval::make_segmentation(setup.segmentation, setup.networks[0]->info().classes);
  return setup;
}

/// Networks of several sequences take subjects, not images.
bool takes_subjects(const train::Recipe& recipe) { return recipe.data.source == "siberian" && recipe.data.preprocess.kind == "none"; }

/// Slices prepared by their volume, or composed of several, come from the data source alone.
void require_slices_as_they_are(const train::Recipe& recipe) {
  if (recipe.data.preprocess.kind != "none") {
    throw_usage_error(
        fmt::format("predict: the network was trained on volumes prepared by data.preprocess ({}), which predict does not do; "
                    "larmor eval scores it",
                    recipe.data.preprocess.kind));
  }
  const ConfigNode* input = recipe.data.options.find("input");
  if (input == nullptr || input->scalar == "mix_rgb" || input->scalar == "single") return;
  throw_usage_error(fmt::format(
      "predict: the network was trained on slices that its source ({}, data.input {}) puts together, which predict does not do; "
      "larmor eval scores it",
      recipe.data.source, input->scalar));
}

/// True where the source's own choice of channels applies to a case.
bool is_chosen_from(const PredictCase& one, const CaseSize& size, const std::vector<int64_t>& channels) {
  const bool has_them = std::all_of(channels.begin(), channels.end(), [&](int64_t channel) { return channel < size.channels; });
  return !one.is_volume && !channels.empty() && has_them;
}

/// The case's size when it fits the network.
CaseSize checked_size(const PredictCase& one, const Setup& setup) {
  const CaseSize size = size_of(one);
  const int64_t wanted = setup.networks[0]->info().in_channels;
  const auto given = is_chosen_from(one, size, setup.channels) ? static_cast<int64_t>(setup.channels.size()) : size.channels;
  if (given != wanted) throw_data_error(fmt::format("{}: channels: {}, but the network takes {}", one.files[0].string(), given, wanted));
  return size;
}

CaseResults decode(std::vector<at::Tensor> probabilities, const SliceStack& stack, const eval::SegmentationOptions& options) {
  CaseResults results{{}, std::move(probabilities), {}};
  std::vector<imaging::Image*> maps;
  for (const at::Tensor& slice : results.probabilities) results.masks.push_back(eval::decode_mask(slice, options.threshold));
  for (imaging::Image& mask : results.masks) maps.push_back(&mask);
  if (options.largest_component) eval::keep_largest_component(maps, stack.numbers);
  return results;
}

int64_t count_positive(const std::vector<imaging::Image>& masks) {
  return std::count_if(masks.begin(), masks.end(), [](const imaging::Image& mask) {
    return std::any_of(mask.bytes.begin(), mask.bytes.end(), [](std::byte value) { return value != std::byte{0}; });
  });
}

/// Adds what the members say to the results and sums it up.
eval::ReviewRow review_case(const std::string& name, eval::VolumeMembers& members, const SliceStack& stack, CaseResults& results) {
  eval::ReviewSums sums;
  for (size_t i = 0; i < stack.slices.size(); ++i) {
    results.uncertainty.push_back(members.take(i));
    sums.add(results.masks[i], results.uncertainty[i], stack.numbers[i]);
  }
  return eval::review_row(name, sums, members.foreground(stack.numbers), eval::voxel_mm3_of(stack.geometry));
}

void write_review(const fs::path& output, const std::vector<PredictedCase>& cases) {
  std::vector<eval::ReviewRow> rows;
  rows.reserve(cases.size());
  for (const PredictedCase& one : cases) {
    if (one.review) rows.push_back(*one.review);
  }
  if (rows.empty()) return;  // the folder need not be there
  eval::sort_for_review(rows);
  write_file_atomically(output / kReviewFile, to_csv(eval::review_table(rows)));
}

/// Told how many slices of a case are done; may throw to stop.
using OnSlices = std::function<void(int64_t)>;

PredictedCase predict_stack(eval::Predictor& predictor, const std::string& name, const SliceStack& stack, const Setup& setup,
                            const PredictOptions& options, const OnSlices& on_slices, CaseResults& results) {
  eval::SliceOptions slices{setup.recipe.data.size, options.batch, setup.recipe.data.normalise, {}};
  eval::VolumeMembers members(setup.segmentation.threshold, setup.segmentation.largest_component);
  if (options.uncertainty) slices.on_member = [&](size_t slice, const at::Tensor& p) { members.add(slice, p); };
  results = decode(eval::predict_slices(predictor, stack.slices, slices, on_slices), stack, setup.segmentation);
  PredictedCase predicted;
  predicted.name = name;
  predicted.slices = static_cast<int64_t>(stack.slices.size());
  predicted.slices_positive = count_positive(results.masks);
  if (options.uncertainty) predicted.review = review_case(name, members, stack, results);
  return predicted;
}

PredictedCase predict_case(eval::Predictor& predictor, const PredictCase& one, const Setup& setup, const PredictOptions& options,
                           const OnSlices& on_slices) {
  SliceStack stack = load_case(one);
  if (is_chosen_from(one, size_of(one), setup.channels)) select_channels(stack, setup.channels);
  CaseResults results;
  PredictedCase predicted = predict_stack(predictor, one.name, stack, setup, options, on_slices, results);
  predicted.files = write_case(options.output, one, stack, results);
  return predicted;
}

/// Something to predict, checked already.
struct Job {
  std::string name;
  int64_t slices = 0;  ///< how many are expected
  std::vector<fs::path> sources, results;
  std::function<PredictedCase(const OnSlices& on_slices)> run;
};

std::vector<Job> image_jobs(const PredictOptions& options, const Setup& setup, eval::Predictor& predictor) {
  require_slices_as_they_are(setup.recipe);
  if (!options.exclude.empty()) throw_usage_error("--exclude: leaves subjects out of a folder of subjects; this network takes images");
  std::vector<Job> jobs;
  for (const PredictCase& one : find_cases(options.input)) {
    jobs.push_back(
        {one.name, checked_size(one, setup).slices, one.files, result_files(one),
         [=, &options, &setup, &predictor](const OnSlices& on_slices) { return predict_case(predictor, one, setup, options, on_slices); }});
  }
  return jobs;
}

/// What study.json says of the networks.
nlohmann::json how_of(const PredictOptions& options, const Setup& setup) {
  return {{"recipe", setup.recipe.name},
          {"weights", options.weights},
          {"size", setup.recipe.data.size},
          {"tta", setup.recipe.eval.tta},
          {"merge", setup.recipe.eval.merge},
          {"merge_of", setup.recipe.eval.merge_of},
          {"threshold", setup.segmentation.threshold},
          {"largest_component", setup.segmentation.largest_component}};
}

std::vector<Job> subject_jobs(const PredictOptions& options, const Setup& setup, eval::Predictor& predictor, bool is_quiet) {
  const auto plan = std::make_shared<const SubjectPlan>(plan_subjects(options, setup.recipe, setup.preparation, predictor.info()));
  if (!is_quiet) {
    for (const datasets::Finding& finding : plan->set.findings) std::cerr << fmt::format("{}: {}\n", finding.file, finding.message);
    if (!plan->is_recorded) {
      std::cerr << fmt::format(
          "{}: does not tell how its training volumes were prepared; prepared here as larmor prepare siberian --size {}\n",
          options.weights[0], plan->preparation.size);
    }
  }
  std::vector<Job> jobs;
  for (const datasets::RawSubject& subject : plan->set.subjects) {
    Job job{subject.name(), slices_of(subject), {}, result_files(subject), {}};
    for (const auto& [sequence, volume] : subject.sequences)
      job.sources.insert(job.sources.end(), volume.paths.begin(), volume.paths.end());
    job.run = [=, &subject, &options, &setup, &predictor](const OnSlices& on_slices) {
      return predict_subject(*plan, subject, options.output, how_of(options, setup),
                             [&](const std::string& name, const SliceStack& stack, CaseResults& results) {
                               return predict_stack(predictor, name, stack, setup, options, on_slices, results);
                             });
    };
    jobs.push_back(std::move(job));
  }
  return jobs;
}

void require_allowed(const std::vector<Job>& jobs, const PredictOptions& options) {
  std::vector<fs::path> sources, results;
  for (const Job& job : jobs) {
    sources.insert(sources.end(), job.sources.begin(), job.sources.end());
    results.insert(results.end(), job.results.begin(), job.results.end());
  }
  require_results_apart(options.output, results, options.input, sources);
  if (options.uncertainty) results.emplace_back(kReviewFile);
  if (!options.overwrite) require_free(options.output, results);
}

/// The row of review.csv; cells without a number are null.
nlohmann::json to_json(const eval::ReviewRow& row) {
  const auto number = [](double value) { return std::isnan(value) ? nlohmann::json(nullptr) : nlohmann::json(value); };
  return {{"members", row.members},
          {"uncertainty", number(row.uncertainty)},
          {"entropy_inside", number(row.entropy_inside)},
          {"entropy_border", number(row.entropy_border)},
          {"mutual_information", number(row.mutual_information)},
          {"volume", number(row.volume)},
          {"volume_low", number(row.volume_low)},
          {"volume_high", number(row.volume_high)},
          {"unit", row.unit},
          {"most_uncertain_slice", row.most_uncertain_slice}};
}

nlohmann::json to_json(const std::vector<PredictedCase>& cases) {
  nlohmann::json list = nlohmann::json::array();
  for (const PredictedCase& one : cases) {
    nlohmann::json files = nlohmann::json::array();
    for (const fs::path& file : one.files) files.push_back(file.string());
    list.push_back(
        {{"case", one.name}, {"slices", one.slices}, {"slices_positive", one.slices_positive}, {"seconds", one.seconds}, {"files", files}});
    if (one.review) list.back()["review"] = to_json(*one.review);
    if (!one.failure.empty()) list.back()["excluded"] = one.failure;
  }
  return {{"cases", list}};
}

/// What review.csv says first, and what it cannot say.
void print_review(const std::vector<PredictedCase>& cases, const std::string& output) {
  const auto uncertainty_of = [](const PredictedCase& one) { return one.review ? one.review->uncertainty : -1; };
  const auto first = std::max_element(
      cases.begin(), cases.end(), [&](const PredictedCase& a, const PredictedCase& b) { return uncertainty_of(a) < uncertainty_of(b); });
  if (first == cases.end() || !first->review) return;
  const int64_t members = first->review->members;
  std::cout << fmt::format("review  {}: {}, most uncertain {} ({:.3f}), slice {}\n", (fs::path(output) / kReviewFile).string(),
                           counted(members, "member"), printable(first->name), first->review->uncertainty,
                           first->review->most_uncertain_slice);
  if (members > 1) return;
  std::cout << "note    one network and one view: entropy alone, for there is nobody to disagree; --tta or several weights give mutual "
               "information and an interval of the volume\n";
}

void print_summary(const std::vector<PredictedCase>& cases, const std::string& output) {
  int64_t slices = 0, positive = 0, excluded = 0;
  double seconds = 0;
  for (const PredictedCase& one : cases) {
    excluded += !one.failure.empty();
    slices += one.slices;
    positive += one.slices_positive;
    seconds += one.seconds;
  }
  std::cout << fmt::format("{}, {} ({} with prediction) in {}   {}{}\n", counted(static_cast<int64_t>(cases.size()) - excluded, "case"),
                           counted(slices, "slice"), positive, format_clock(seconds), output,
                           excluded > 0 ? fmt::format("   {} EXCLUDED", excluded) : "");
  print_review(cases, output);
}

std::string outcome_of(const PredictedCase& one) {
  if (!one.failure.empty()) return "EXCLUDED: " + one.failure;
  return fmt::format("{}, {} with prediction  {:.1f} s", counted(one.slices, "slice"), one.slices_positive, one.seconds);
}

void require_any(const std::vector<PredictedCase>& cases) {
  if (std::any_of(cases.begin(), cases.end(), [](const PredictedCase& one) { return one.failure.empty(); })) return;
  throw_data_error(fmt::format("every subject is excluded; the first is {}: {}", cases[0].name, cases[0].failure));
}

}  // namespace

std::vector<PredictedCase> predict_cases(const PredictOptions& options, const GlobalOptions& global) {
  require_allowed(options);
  if (options.output.empty()) throw_usage_error("--output: say where the results go");
  require_folder("--output", options.output);
  require_results_apart(options.output, {}, options.input, {});  // before the networks are read
  const Setup setup = make_setup(options);
  eval::Predictor predictor(setup.networks, *setup.task, setup.recipe.eval, at::Device(global.device));
  const std::vector<Job> jobs =
      takes_subjects(setup.recipe) ? subject_jobs(options, setup, predictor, global.quiet) : image_jobs(options, setup, predictor);
  require_allowed(jobs, options);
  int64_t total = 0, done = 0;
  for (const Job& job : jobs) total += job.slices;
  ProgressBar bar("predict", total, global.quiet ? ProgressStyle::quiet : ProgressStyle::automatic);
  std::vector<PredictedCase> predicted;
  for (const Job& job : jobs) {
    const auto start = Clock::now();
    try {
      bar.update(done, job.name);
      predicted.push_back(job.run([&](int64_t slices) {
        if (interrupted()) throw_run_error("interrupted");
        bar.update(done + std::min(slices, job.slices), job.name);
      }));
    } catch (const Error& error) {
      throw error.with_context(fmt::format("{} ({} of {} cases done)", job.name, predicted.size(), jobs.size()));
    }
    predicted.back().seconds = seconds_since(start);
    if (options.uncertainty) write_review(options.output, predicted);
    done += job.slices;
    const std::string line = fmt::format("{:>4}/{}  {}  {}", predicted.size(), jobs.size(), job.name, outcome_of(predicted.back()));
    bar.message(line);
    if (global.quiet && !predicted.back().failure.empty()) std::cerr << line << "\n";  // told even where nothing else is
  }
  require_any(predicted);
  return predicted;
}

void predict_tensor(const PredictOptions& options, const GlobalOptions& global) {
  require_allowed(options);
  if (options.weights.size() > 1) throw_usage_error("predict: logits of a tensor file come from one network; give one");
  if (options.uncertainty) throw_usage_error("--uncertainty: a tensor file gives logits alone; give images");
  if (!is_tensor_file(options.output)) throw_usage_error("--output: " + options.output + ": logits are written to a .safetensors file");
  if (fs::exists(options.output) && fs::equivalent(options.input, options.output)) {
    throw_usage_error(fmt::format("--output: {} is the input; choose another, source data is never written to", options.output));
  }
  const SafetensorsFile file = SafetensorsFile::open(options.input);
  const TensorView* view = file.find("input");
  if (view == nullptr) throw_data_error(options.input + ": has no tensor 'input'");
  if (view->type != DType::f32 || view->shape.size() != 4) {
    throw_data_error(fmt::format("{}: tensor 'input' is {} of rank {}; needed F32 of N x C x H x W", options.input, to_string(view->type),
                                 view->shape.size()));
  }
  const Setup setup = make_setup(options);
  eval::Predictor predictor(setup.networks, *setup.task, {}, at::Device(global.device));
  std::vector<at::Tensor> logits;
  for (const at::Tensor& batch : to_tensor(*view).split(options.batch)) {
    if (interrupted()) throw_run_error("interrupted");
    logits.push_back(predictor.logits(batch));
  }
  save_tensors(options.output, {{"logits", at::cat(logits)}});
}

int run_predict(const PredictOptions& options, const GlobalOptions& global) {
  use_device(global.device);
  use_threads(global.threads);
  catch_interrupts();
  if (is_tensor_file(options.input)) {
    predict_tensor(options, global);
    return 0;
  }
  const std::vector<PredictedCase> cases = predict_cases(options, global);
  if (global.json) {
    std::cout << to_json(cases).dump() << "\n";
  } else if (!global.quiet) {
    print_summary(cases, options.output);
  }
  return 0;
}

Command predict_command() {
  Command command{"predict", Group::run, "masks and probabilities of images and volumes", "", {}, "", {}};
  command.takes_json = true;
  command.description =
      "Predicts what the weights were trained for, on one TIFF, PNG or NIfTI file, on a folder of slices or volumes (with subfolders), or "
      "on "
      "several NIfTI sequences as channels (a.nii.gz,b.nii.gz). Volumes are sliced axially. Writes per case a mask (slices 0/255, volumes "
      "labels), "
      "probabilities (f32) and an overlay, in the input's size and geometry; a case leaves all its files or none. 8-bit values are taken "
      "as they "
      "are, others are scaled per case and channel (0.5 to 99.5 percentile of the non-zero values). A .safetensors input passes its tensor "
      "`input` (N x C x H x W, float32) through the network untouched and writes `logits`. Networks of several sequences "
      "(data.source siberian) take a subject's folder or a folder of subjects, DICOM series or files named by sequence: each is prepared "
      "as "
      "its training volumes were (larmor help prepare), and its mask is brought back to T1CE's own grid as <subject>.seg.nrrd, with "
      "probabilities, overlay and study.json; a registration that fails excludes its subject. Masks that are there are replaced with "
      "--overwrite alone, logits always.";
  command.examples = {
      {"larmor predict runs/quickstart/seed-0 --input phantom/TCGA_PH_0001_20000101 --output masks", "all slices of a patient"},
      {"larmor predict runs/quickstart/seed-0 --input phantom --output all --tta d4 --largest-component", "a whole data set"},
      {"larmor predict runs/quickstart/seed-0/checkpoints/best.safetensors --input "
       "phantom/TCGA_PH_0001_20000101/TCGA_PH_0001_20000101_9.tif "
       "--output one",
       "one slice, from a checkpoint"},
      {"larmor predict runs/siberian-linknet_sx50/seed-0 --input volumes/SBT_PH_0001 --output results", "one subject of several sequences"},
      {"larmor predict runs/quickstart/seed-0 --input phantom --output doubts --tta d4 --uncertainty", "what to look at first"}};
  command.declare = [](Arguments& arguments) {
    auto options = std::make_shared<PredictOptions>();
    arguments.positionals("weights", options->weights, "run, checkpoint or SMP folder; several form an ensemble", true);
    arguments.option("-i,--input", options->input, "file, folder, comma separated NIfTI sequences, or subjects");
    arguments.option("-o,--output", options->output, "folder for the results (.safetensors file for logits)");
    arguments.option("--exclude", options->exclude, "subjects to leave out, of a folder of subjects");
    arguments.option("--recipe", options->recipe, "recipe of weights that hold none");
    arguments.option("--tta", options->tta, "test-time augmentation: none, tta1, tta2, tta3 (d4), hflip, vflip; default the recipe's");
    arguments.option("--merge", options->merge, "how views are merged: mean, gmean, max, min, sum, tsharpen; default the recipe's");
    arguments.option("--merge-of", options->merge_of, "what is merged: probabilities or logits; default the recipe's");
    arguments.option("--threshold", options->threshold, "probability from which on a pixel is inside; default the recipe's");
    arguments.flag("--largest-component", options->largest_component, "keep the largest face-connected 3-D component");
    arguments.option("--size", options->size, "side of the square that the network sees; 0: the recipe's");
    arguments.option("--batch", options->batch, "slices in one forward pass");
    arguments.flag("--uncertainty", options->uncertainty,
                   "maps of predictive entropy and (of several members) mutual information, and review.csv, the most uncertain case first");
    arguments.flag("--overwrite", options->overwrite, "replace results that are there");
    return [options](const GlobalOptions& global) { return run_predict(*options, global); };
  };
  return command;
}

}  // namespace larmor::cli
