// Probabilities from one or several networks, with test-time augmentation.
#pragma once
#include <ATen/core/Tensor.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/options.h"
#include "eval/task.h"
#include "eval/tta.h"
#include "models/segmenter.h"

namespace larmor::eval {

struct PredictorOptions {
  std::string tta = "none";                ///< see tta_names()
  std::string merge = "mean";              ///< see merge_names()
  std::string merge_of = "probabilities";  ///< probabilities | logits: what views are merged as; ensembles always merge probabilities
  int64_t images_at_once = 64;             ///< images in one forward pass; a larger stack of views is run in pieces
};
OptionTable options_of(PredictorOptions& options);

struct Prediction {
  at::Tensor probabilities;  ///< N x classes x H x W, float32, CPU
  at::Tensor logits;         ///< of the unchanged view, float32, on the device; undefined for an ensemble
  /// Where the task has a label: N x label classes, float32, CPU; the mean over views and networks, however the masks are merged.
  at::Tensor label_probabilities;
  at::Tensor label_logits;  ///< as logits
};

/// Given each member of a prediction by itself: one network's probabilities of one view, turned back (N x classes x H x W, float32, on
/// the device). What eval/uncertainty.h is made from.
using OnMember = std::function<void(const at::Tensor& probabilities)>;

class Predictor {
 public:
  /// Several networks form an ensemble: the mean of their (merged) probabilities. Puts them into eval mode and prepares them for
  /// inference; whoever trains one afterwards calls train(true). Error (usage): networks of different classes or input channels,
  /// unknown names, merges that do not fit (roots of logits, sums of probabilities), mirrored views of a lateral task, a second head that
  /// does not fit the task's label.
  Predictor(std::vector<std::shared_ptr<models::Segmenter>> networks, const Task& task, PredictorOptions options, at::Device device);
  /// N x C x H x W on any device. Views of one batch go through the network together. No graph is recorded. `on_member` is called members()
  /// times, network by network and view by view.
  Prediction predict(const at::Tensor& image, const OnMember& on_member = {});
  at::Tensor probabilities(const at::Tensor& image) { return predict(image).probabilities; }
  /// Raw logits of the only network, no augmentation (predict --input t.safetensors).
  at::Tensor logits(const at::Tensor& image);
  const models::SegmenterInfo& info() const { return networks_[0]->info(); }
  int64_t members() const { return static_cast<int64_t>(networks_.size() * views_.size()); }
  const PredictorOptions& options() const { return options_; }

 private:
  Prediction predict_batch(const at::Tensor& image, const OnMember& on_member);
  /// Probabilities of one network, its views merged. `prediction` receives the logits of the unchanged view, and what a label's
  /// probabilities are the sum of.
  at::Tensor merged_probabilities(models::Segmenter& network, const at::Tensor& image, Prediction& prediction, const OnMember& on_member);
  models::SegmenterOutput forward(models::Segmenter& network, const at::Tensor& stack) const;
  models::SegmenterOutput forward_in_pieces(models::Segmenter& network, const at::Tensor& stack) const;
  void add_label(const at::Tensor& label_logits, int64_t images, Prediction& prediction) const;

  std::vector<std::shared_ptr<models::Segmenter>> networks_;
  const Task& task_;
  PredictorOptions options_;
  at::Device device_;
  std::vector<View> views_;
  bool has_label_;
};

}  // namespace larmor::eval
