// One pass over a set: loader → predictor → task's evaluator. What `train` validates with and `eval` reports.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>

#include "datasets/loader.h"
#include "eval/predictor.h"
#include "eval/task.h"
#include "eval/uncertainty_evaluator.h"

namespace larmor::eval {

struct EvaluateOptions {
  int64_t epoch = 0;  ///< which epoch the loader is asked for; evaluation order does not depend on it
  /// After each batch, in samples. May throw to stop.
  std::function<void(int64_t done, int64_t total)> on_progress;
  /// Each batch with its prediction, whose logits are those of the unchanged view (undefined for an ensemble): where a validation loss is
  /// taken. Runs under c10::InferenceMode.
  std::function<void(const datasets::Batch& batch, const Prediction& prediction)> on_prediction;
  UncertaintyEvaluator* uncertainty = nullptr;  ///< is fed beside the task's evaluator; its finish() is left to the caller
};

/// Every case of the loader once, in its order; memory holds one batch and what the evaluator keeps. The loader must neither shuffle
/// nor drop (assertion) and keep source labels. Errors of the loader and the networks pass through.
Evaluation evaluate(Predictor& predictor, datasets::Loader& loader, const Task& task, const datasets::Source& source,
                    const EvaluateOptions& options = {});

/// The batch's image as a tensor that borrows its memory (valid as long as the batch).
at::Tensor image_of(const datasets::Batch& batch);

}  // namespace larmor::eval
