#include "train/evaluate_run.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <set>

#include "core/error.h"
#include "core/files.h"
#include "eval/evaluate.h"
#include "eval/segmentation.h"
#include "train/experiment.h"
#include "train/trained_network.h"

namespace larmor::train {

namespace {

using Clock = std::chrono::steady_clock;

const std::vector<int64_t>& side_of(const datasets::Split& split, const std::string& name) {
  if (name == "train") return split.train;
  if (name == "hold_out") return split.hold_out;
  return name == "test" ? split.test : split.validation;
}

std::string full_name(const std::string& split) {
  std::string name = split == "val" ? "validation" : split;
  const std::vector<std::string> allowed = {"train", "validation", "test", "hold_out"};
  if (std::find(allowed.begin(), allowed.end(), name) == allowed.end()) {
    throw_usage_error("--split: " + unknown_name_message("side", split, allowed, ""));
  }
  return name;
}

/// The subjects that a member was trained on: as its file tells, or else by its recipe's split of these data.
std::vector<std::string> learnt_by(const TrainedNetwork& member, const datasets::Source& source, bool is_ensemble) {
  if (member.data.is_known()) return member.data.train;
  return is_ensemble ? datasets::make_split(source, member.recipe.data.split).train_subjects : std::vector<std::string>{};
}

/// Folds differ: what one member validates on, another has learnt. And data may have been exchanged since the training.
void require_unseen(const std::vector<TrainedNetwork>& members, const datasets::Source& source, const std::vector<int64_t>& cases) {
  const bool is_ensemble = members.size() > 1;
  for (const TrainedNetwork& member : members) {
    const std::vector<std::string> learnt = learnt_by(member, source, is_ensemble);
    const std::set<std::string> seen(learnt.begin(), learnt.end());
    for (const int64_t index : cases) {
      const std::string& subject = source.cases()[static_cast<size_t>(index)].key.subject;
      if (!seen.contains(subject)) continue;
      throw_data_error(fmt::format("subject {} was used to train {}; {}", subject, member.file.string(),
                                   is_ensemble
                                       ? "an ensemble is scored on patients that none of its members has seen (--split test or hold_out)"
                                       : "score it on patients that it has not seen, or on its --split train"));
    }
  }
}

eval::SegmentationOptions segmentation_options(const Recipe& recipe) {
  eval::SegmentationOptions options;
  Problems problems;
  eval::options_of(options).read(recipe.task_options, problems, "task.");
  problems.throw_if_any();
  return options;
}

void set_surfaces(Recipe& recipe, const EvaluateRequest& request, const std::string& by_recipe) {
  const auto set = [&](const char* key, ConfigNode value) { recipe.task_options.set(key, std::move(value)); };
  const std::string when = request.surface_distances.empty() ? by_recipe : request.surface_distances;
  set("surface_distances", ConfigNode::make_scalar(when == "never" ? "never" : "always"));
  if (request.surface_tolerances.empty()) return;
  ConfigNode tolerances = ConfigNode::make_sequence({"--surface-tolerances", 0});
  for (const std::string& tolerance : request.surface_tolerances) {
    tolerances.items.push_back(ConfigNode::make_scalar(tolerance, {"--surface-tolerances", 0}));
  }
  set("surface_tolerances", std::move(tolerances));
}

void set_detection(Recipe& recipe, const EvaluateRequest& request, const std::string& by_recipe) {
  const auto set = [&](const char* key, const std::string& value, const char* option) {
    recipe.task_options.set(key, ConfigNode::make_scalar(value, {option, 0}));
  };
  const std::string when = request.detection.empty() ? by_recipe : request.detection;
  set("detection", when == "never" ? "never" : "always", "");
  if (request.lesion_overlap) set("lesion_overlap", fmt::format("{}", *request.lesion_overlap), "--lesion-overlap");
  if (request.smallest_lesion) set("smallest_lesion", std::to_string(*request.smallest_lesion), "--smallest-lesion");
  if (request.smallest_lesion_mm3) set("smallest_lesion_mm3", fmt::format("{}", *request.smallest_lesion_mm3), "--smallest-lesion-mm3");
}

Recipe adjusted(Recipe recipe, const EvaluateRequest& request) {
  const eval::SegmentationOptions given = segmentation_options(recipe);
  if (!request.data_root.empty()) recipe.data.options.set("root", ConfigNode::make_scalar(request.data_root, {"--data", 0}, true));
  if (request.batch > 0) recipe.data.evaluation_batch = request.batch;
  if (request.threshold) recipe.task_options.set("threshold", ConfigNode::make_scalar(fmt::format("{}", *request.threshold)));
  if (request.largest_component) {
    recipe.task_options.set("largest_component", ConfigNode::make_scalar(*request.largest_component ? "true" : "false"));
  }
  set_surfaces(recipe, request, given.surface_distances);
  set_detection(recipe, request, given.detection);
  if (request.no_label) {
    recipe.task_options.set("label", ConfigNode::make_scalar("", {"--no-label", 0}, true));
    recipe.task_options.set("label_classes", ConfigNode::make_sequence({"--no-label", 0}));
  }
  if (!request.merge.empty()) recipe.eval.merge = request.merge;
  if (!request.merge_of.empty()) recipe.eval.merge_of = request.merge_of;
  return recipe;
}

eval::ScoredPredictor score(const Recipe& recipe, const Dataset& dataset, const std::vector<int64_t>& cases, const eval::Task& task,
                            const std::vector<std::shared_ptr<models::Segmenter>>& networks, const EvaluateRequest& request) {
  eval::Predictor predictor(networks, task, recipe.eval, request.device);
  const auto loader = make_evaluation_loader(recipe, dataset, cases);
  eval::EvaluateOptions options;
  options.on_progress = [&](int64_t done, int64_t total) {
    if (request.on_progress) request.on_progress(recipe.eval.tta, done, total);
  };
  const eval::SegmentationOptions segmentation = segmentation_options(recipe);
  std::optional<eval::UncertaintyEvaluator> uncertainty;
  if (request.uncertainty) {
    uncertainty.emplace(segmentation.threshold, segmentation.largest_component, *dataset.source);
    options.uncertainty = &*uncertainty;
  }
  const auto start = Clock::now();
  eval::ScoredPredictor scored{recipe.eval, 0, eval::evaluate(predictor, *loader, task, *dataset.source, options), {}, {}};
  if (uncertainty) scored.uncertainty = uncertainty->finish(scored.evaluation);
  if (!request.group_by.empty())
    scored.groups = eval::score_groups(scored.evaluation, *dataset.source, request.group_by, segmentation.bootstrap);
  scored.seconds = std::chrono::duration<double>(Clock::now() - start).count();
  return scored;
}

eval::Results describe(const std::vector<TrainedNetwork>& members, const Recipe& recipe, const Dataset& dataset, const std::string& side,
                       const std::vector<int64_t>& cases) {
  const eval::SegmentationOptions options = segmentation_options(recipe);
  eval::Results results;
  for (const TrainedNetwork& member : members) {
    results.weights.push_back(member.file.string());
    results.checksums.push_back(checksum_of_file(member.file));
  }
  results.recipe = recipe.name;
  results.split = side;
  results.preprocess = recipe.data.preprocess.kind;
  results.leaks = dataset.split.leaks;
  results.threshold = options.threshold;
  results.largest_component = options.largest_component;
  if (options.surface_distances == "always") results.surface_elements = options.surface_elements;
  results.label = options.label.column;
  if (options.detection == "always") {
    results.lesions = eval::LesionOptions{options.lesion_overlap, options.smallest_lesion, options.smallest_lesion_mm3};
  }
  results.is_training_unknown = std::any_of(members.begin(), members.end(), [](const auto& member) { return !member.data.is_known(); });
  eval::describe_data(results, *dataset.source, cases);
  return results;
}

/// The answers of second heads are averaged class by class.
void require_same_label(const std::vector<TrainedNetwork>& members) {
  const eval::CaseLabelOptions first = segmentation_options(members[0].recipe).label;
  for (const TrainedNetwork& member : members) {
    const eval::CaseLabelOptions other = segmentation_options(member.recipe).label;
    if (other.column == first.column && other.classes == first.classes) continue;
    throw_usage_error(fmt::format("ensemble: {} tells other labels ({}: {}) than {} ({}: {}): task.label, task.label_classes",
                                  member.file.string(), other.column, fmt::join(other.classes, ", "), members[0].file.string(),
                                  first.column, fmt::join(first.classes, ", ")));
  }
}

std::set<eval::VolumeName> volumes_of(const datasets::Source& source, const std::vector<int64_t>& cases) {
  std::set<eval::VolumeName> volumes;
  for (const int64_t index : cases) {
    const datasets::CaseKey& key = source.cases()[static_cast<size_t>(index)].key;
    volumes.emplace(key.subject, key.session);
  }
  return volumes;
}

/// Weights alone do not tell where data are.
void require_data(const Recipe& recipe, const EvaluateRequest& request) {
  const ConfigNode* root = recipe.data.options.find("root");
  if (root == nullptr || !root->is_scalar() || !root->scalar.empty()) return;
  throw_usage_error(fmt::format("eval: {} does not tell on which data; give --data FOLDER{}", request.weights.front(),
                                request.recipe.empty() ? ", and with --recipe FILE how they are split and prepared" : ""));
}

}  // namespace

EvaluationSettings evaluation_settings(const Recipe& recipe) {
  const eval::SegmentationOptions task = segmentation_options(recipe);
  EvaluationSettings settings;
  settings.threshold = task.threshold;
  settings.largest_component = task.largest_component;
  settings.merge = recipe.eval.merge;
  settings.merge_of = recipe.eval.merge_of;
  return settings;
}

void require_side(const Dataset& dataset, const std::string& side, const std::string& place) {
  if (side_of(dataset.split, full_name(side)).empty()) {
    throw_usage_error(fmt::format("{}: this recipe's split has no {} side (data.split)", place, full_name(side)));
  }
}

Evaluated evaluate_run(const EvaluateRequest& request) {
  const std::string side = full_name(request.split);
  const std::vector<TrainedNetwork> members = load_ensemble(request.weights, request.recipe);
  if (!request.no_label) require_same_label(members);
  Recipe recipe = adjusted(members[0].recipe, request);
  require_data(recipe, request);
  Dataset dataset = open_dataset(recipe);
  const std::vector<int64_t> cases = side_of(dataset.split, side);
  require_side(dataset, side, "--split " + side);
  if (!request.group_by.empty()) eval::require_column(*dataset.source, request.group_by);
  if (side != "train" && !dataset.split.leaks) require_unseen(members, *dataset.source, cases);

  std::vector<std::shared_ptr<models::Segmenter>> networks;
  networks.reserve(members.size());
  for (const TrainedNetwork& member : members) networks.push_back(member.network);
  require_channels(*networks[0], *dataset.source);
  const auto task = make_task(recipe, networks[0]->info().classes);
  eval::Results results = describe(members, recipe, dataset, side, cases);
  results.group_by = request.group_by;
  if (!request.readers.empty()) {
    results.readers = eval::readers_of(eval::read_agreement(request.readers), volumes_of(*dataset.source, cases), request.readers);
  }
  const std::vector<std::string> augmentations = request.tta.empty() ? std::vector<std::string>{recipe.eval.tta} : request.tta;
  for (const std::string& tta : augmentations) {
    recipe.eval.tta = tta;
    results.scored.push_back(score(recipe, dataset, cases, *task, networks, request));
  }
  const std::string fingerprint = dataset.source->fingerprint();
  const bool is_other_data = std::any_of(members.begin(), members.end(), [&](const TrainedNetwork& member) {
    return member.data.is_known() && member.data.fingerprint != fingerprint;
  });
  return {std::move(results), std::move(dataset.source), is_other_data};
}

}  // namespace larmor::train
