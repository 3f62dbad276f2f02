#include "train/experiment.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"
#include "core/progress.h"
#include "datasets/preprocess.h"
#include "datasets/registry.h"
#include "eval/registry.h"
#include "losses/cross_entropy.h"
#include "losses/registry.h"
#include "models/registry.h"
#include "models/weights/weights.h"
#include "optim/registry.h"
#include "train/checkpoint.h"

namespace larmor::train {

namespace {

constexpr size_t kBytesPerMib = size_t{1} << 20;

/// The first n training cases that show the label on both sides: a network that cannot learn them is broken. Such a split leaks, and
/// whatever is made from it says so.
void overfit_on(datasets::Split& split, const datasets::Source& source, int64_t count) {
  std::vector<int64_t> chosen;
  for (const int64_t index : split.train) {
    if (static_cast<int64_t>(chosen.size()) == count) break;
    if (source.cases()[static_cast<size_t>(index)].foreground > 0) chosen.push_back(index);
  }
  std::vector<std::string> subjects;
  subjects.reserve(chosen.size());
  for (const int64_t index : chosen) subjects.push_back(source.cases()[static_cast<size_t>(index)].key.subject);
  subjects.erase(std::unique(subjects.begin(), subjects.end()), subjects.end());
  split.train = split.validation = chosen;
  split.train_subjects = split.validation_subjects = subjects;
  split.leaks = true;
}

datasets::LoaderOptions loader_options(const Recipe& recipe) {
  datasets::LoaderOptions options;
  options.workers = recipe.data.workers;
  options.prefetch = recipe.data.prefetch;
  options.size = recipe.data.size;
  options.seed = static_cast<uint64_t>(recipe.train.seed);
  return options;
}

void require_channels(const std::string& in_channels, const datasets::Source& source) {
  if (in_channels == std::to_string(source.channels())) return;
  throw_usage_error(fmt::format("model.in_channels: {} does not fit the data: source '{}' gives {}", in_channels, source.name(),
                                counted(source.channels(), "channel")));
}

}  // namespace

Dataset open_dataset(const Recipe& recipe) {
  Dataset dataset;
  dataset.source = datasets::preprocess(datasets::registry().at(recipe.data.source).make(recipe.data.options), recipe.data.preprocess);
  dataset.split = datasets::make_split(*dataset.source, recipe.data.split);
  if (!dataset.split.leaks) datasets::require_no_leak(*dataset.source, dataset.split);
  if (recipe.train.overfit > 0) overfit_on(dataset.split, *dataset.source, recipe.train.overfit);
  dataset.cache = std::make_shared<datasets::SampleCache>(*dataset.source, static_cast<size_t>(recipe.data.cache_mib) * kBytesPerMib);
  return dataset;
}

std::shared_ptr<models::Segmenter> make_network(const Recipe& recipe) {
  return models::registry().at(recipe.model.name).make(recipe.model.options, static_cast<uint64_t>(recipe.train.seed));
}

std::string load_start_weights(models::Segmenter& network, const Recipe& recipe) {
  const bool is_whole = !recipe.model.weights.empty();
  const std::string& source = is_whole ? recipe.model.weights : recipe.model.encoder_weights;
  if (source.empty()) return "";
  std::vector<std::string> notes;
  const NamedTensors tensors = load_any_weights(source, notes).model;
  models::LoadReport report = is_whole ? models::load_state(network, tensors, source)
                                       : models::load_encoder_state(network, tensors, source, recipe.model.first_conv);
  report.notes.insert(report.notes.begin(), notes.begin(), notes.end());
  return report.to_string();
}

void require_channels(const models::Segmenter& network, const datasets::Source& source) {
  require_channels(std::to_string(network.info().in_channels), source);
}

void require_channels(const Recipe& recipe, const datasets::Source& source) {
  if (const ConfigNode* in_channels = recipe.model.options.find("in_channels")) require_channels(in_channels->scalar, source);
}

void require_trained_heads(const models::Segmenter& network, const eval::CaseLabelOptions& label) {
  if (label.is_wanted()) return eval::require_label_head(network.info(), label);
  if (network.info().label_classes == 0) return;
  throw_usage_error(fmt::format(
      "model.aux_classes: {} is not allowed without task.label, the metadata column that the classification head learns; set it, or 0 here",
      network.info().label_classes));
}

std::unique_ptr<eval::Task> make_task(const Recipe& recipe, int64_t classes) {
  return eval::registry().at(recipe.task).make(recipe.task_options, classes);
}

std::unique_ptr<losses::Loss> make_loss(const Recipe& recipe) { return losses::make_loss(recipe.loss, recipe.loss_options); }

std::unique_ptr<losses::Loss> make_label_loss(const eval::CaseLabelOptions& label) {
  return losses::make_cross_entropy({.label_smoothing = label.label_smoothing, .ignore_index = eval::CaseLabels::kNoLabel});
}

std::unique_ptr<optim::Optimizer> make_optimizer(const Recipe& recipe, const models::Segmenter& network) {
  std::vector<optim::GroupRule> rules;
  if (recipe.optim.no_decay_bias_norm) rules.push_back({{"bias", "norm"}, 1.0, 0.0});
  NamedTensors parameters = network.used_parameters();
  for (auto& parameter : network.label_parameters()) parameters.push_back(std::move(parameter));
  return optim::registry().at(recipe.optim.name).make(recipe.optim.options, optim::make_groups(parameters, rules));
}

std::unique_ptr<optim::Schedule> make_schedule(const Recipe& recipe, int64_t steps_per_epoch, double base_lr) {
  optim::ScheduleContext context;
  context.steps_per_epoch = steps_per_epoch;
  context.total_steps = steps_per_epoch * recipe.train.epochs;
  context.base_lr = base_lr;
  return optim::schedules::registry().at(recipe.optim.schedule).make(recipe.optim.schedule_options, context);
}

std::unique_ptr<datasets::Loader> make_training_loader(const Recipe& recipe, const Dataset& dataset, datasets::SlotAllocator allocator) {
  datasets::LoaderOptions options = loader_options(recipe);
  options.batch = recipe.data.batch;
  options.shuffle = true;
  options.drop_last = recipe.data.drop_last;
  options.sampling = recipe.data.sampling;
  options.positive_share = recipe.data.positive_share;
  std::optional<datasets::AugmentOptions> augmentation;
  if (recipe.train.overfit == 0) augmentation = recipe.data.augment;
  return std::make_unique<datasets::Loader>(dataset.cache, *dataset.source, dataset.split.train, options, recipe.data.normalise,
                                            augmentation, std::move(allocator));
}

std::unique_ptr<datasets::Loader> make_evaluation_loader(const Recipe& recipe, const Dataset& dataset, const std::vector<int64_t>& cases,
                                                         datasets::SlotAllocator allocator) {
  datasets::LoaderOptions options = loader_options(recipe);
  options.batch = recipe.data.evaluation_batch;
  options.keep_source_labels = true;
  return std::make_unique<datasets::Loader>(dataset.cache, *dataset.source, cases, options, recipe.data.normalise, std::nullopt,
                                            std::move(allocator));
}

}  // namespace larmor::train
