// Probabilities from one or several networks, with test-time augmentation.
#pragma once
#include <ATen/core/Tensor.h>

#include <memory>
#include <string>
#include <vector>

#include "core/options.h"
#include "eval/task.h"
#include "models/segmenter.h"

namespace larmor::eval {

struct PredictorOptions {
  std::string tta = "none";              ///< see tta_names()
  std::string merge = "mean";            ///< see merge_names()
  std::string merge_of = "probabilities"; ///< probabilities | logits: what views are merged as; ensembles always merge probabilities
};
OptionTable options_of(PredictorOptions& options);

class Predictor {
 public:
  /// Several networks form an ensemble: the mean of their (merged) probabilities. Prepares them for inference.
  Predictor(std::vector<std::shared_ptr<models::Segmenter>> networks, const Task& task, PredictorOptions options, at::Device device);
  /// N x C x H x W on any device → probabilities on CPU, float32. Views of one batch go through the network together.
  at::Tensor probabilities(const at::Tensor& image);
  /// Raw logits of the only network, no augmentation (predict --input t.safetensors).
  at::Tensor logits(const at::Tensor& image);

 private:
  std::vector<std::shared_ptr<models::Segmenter>> networks_;
  const Task& task_;
  PredictorOptions options_;
  at::Device device_;
};

}  // namespace larmor::eval
