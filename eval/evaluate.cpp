#include "eval/evaluate.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include "core/error.h"

namespace larmor::eval {

at::Tensor image_of(const datasets::Batch& batch) { return at::from_blob(batch.image, batch.shape, at::kFloat); }

Evaluation evaluate(Predictor& predictor, datasets::Loader& loader, const Task& task, const datasets::Source& source,
                    const EvaluateOptions& options) {
  const c10::InferenceMode inference;
  const std::unique_ptr<Evaluator> evaluator = task.make_evaluator(source);
  const int64_t total = loader.samples_per_epoch();
  int64_t done = 0;
  loader.start_epoch(options.epoch);
  while (const std::optional<datasets::Batch> batch = loader.next()) {
    const OnMember on_member = options.uncertainty == nullptr ? OnMember{} : options.uncertainty->members_of(*batch);
    const Prediction prediction = predictor.predict(image_of(*batch), on_member);
    if (options.on_prediction) options.on_prediction(*batch, prediction);
    evaluator->add(*batch, prediction.probabilities);
    if (prediction.label_probabilities.defined()) evaluator->add_labels(*batch, prediction.label_probabilities);
    if (options.uncertainty != nullptr) options.uncertainty->add(*batch, prediction.probabilities);
    done += batch->count();
    if (options.on_progress) options.on_progress(done, total);
  }
  LARMOR_ASSERT(done == total);
  return evaluator->finish();
}

}  // namespace larmor::eval
