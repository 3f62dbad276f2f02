// What a recipe makes: the source and its split, the network, the task, the loss, the optimizer, the schedule.
#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include "datasets/loader.h"
#include "datasets/source.h"
#include "datasets/split.h"
#include "eval/task.h"
#include "losses/loss.h"
#include "models/segmenter.h"
#include "optim/optimizer.h"
#include "optim/schedule.h"
#include "train/recipe.h"

namespace larmor::train {

/// The cases of a recipe: source, split (checked for leaks), shared cache.
struct Dataset {
  std::unique_ptr<datasets::Source> source;
  datasets::Split split;
  std::shared_ptr<datasets::SampleCache> cache;
};

/// Opens data.source. Error (usage or data) names key, file or subject.
Dataset open_dataset(const Recipe& recipe);

/// A fresh network with start values keyed by train.seed; weights and encoder_weights are not loaded here.
std::shared_ptr<models::Segmenter> make_network(const Recipe& recipe);
/// model.weights or model.encoder_weights into `network`; what happened is returned as text ("" when from scratch).
std::string load_start_weights(models::Segmenter& network, const Recipe& recipe);
/// Refuses a network whose in_channels differ from the source's channels, naming both.
void require_channels(const models::Segmenter& network, const datasets::Source& source);
/// The same before the network is made, where its model has that option.
void require_channels(const Recipe& recipe, const datasets::Source& source);
/// Refuses to train a network with a classification head that no loss reaches: its weights would stay as they were drawn. Refuses a head
/// that does not fit the label.
void require_trained_heads(const models::Segmenter& network, const eval::CaseLabelOptions& label);

std::unique_ptr<eval::Task> make_task(const Recipe& recipe, int64_t classes);
std::unique_ptr<losses::Loss> make_loss(const Recipe& recipe);
/// Cross-entropy of a case's label, slices without one (CaseLabels::kNoLabel) left out; 0 where none has one.
std::unique_ptr<losses::Loss> make_label_loss(const eval::CaseLabelOptions& label);
/// For the parameters that the network uses, those of its classification head among them; what it only stores is not trained and has no
/// state.
std::unique_ptr<optim::Optimizer> make_optimizer(const Recipe& recipe, const models::Segmenter& network);
std::unique_ptr<optim::Schedule> make_schedule(const Recipe& recipe, int64_t steps_per_epoch, double base_lr);

/// Batches for training: augmented, shuffled or sampled, keyed by train.seed.
std::unique_ptr<datasets::Loader> make_training_loader(const Recipe& recipe, const Dataset& dataset,
                                                       datasets::SlotAllocator allocator = {});
/// Batches for evaluation of these cases: in order, each once, with the labels at source size.
std::unique_ptr<datasets::Loader> make_evaluation_loader(const Recipe& recipe, const Dataset& dataset, const std::vector<int64_t>& cases,
                                                         datasets::SlotAllocator allocator = {});

}  // namespace larmor::train
