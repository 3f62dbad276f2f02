#include "eval/predictor.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>
#include <fmt/format.h>

#include "core/error.h"
#include "core/memory.h"

namespace larmor::eval {

namespace {

void require_alike(const std::vector<std::shared_ptr<models::Segmenter>>& networks) {
  const models::SegmenterInfo& first = networks[0]->info();
  for (size_t i = 1; i < networks.size(); ++i) {
    const models::SegmenterInfo& other = networks[i]->info();
    if (other.classes == first.classes && other.in_channels == first.in_channels) continue;
    throw_usage_error(fmt::format("ensemble: network {} has {} input channels and {} classes, network 1 has {} and {}; they must be equal",
                                  i + 1, other.in_channels, other.classes, first.in_channels, first.classes));
  }
}

void require_merge_fits(const PredictorOptions& options) {
  const bool of_logits = options.merge_of == "logits";
  if (of_logits && (options.merge == "gmean" || options.merge == "tsharpen")) {
    throw_usage_error("merge '" + options.merge + "' takes roots, which logits do not have; use merge_of probabilities, or merge mean");
  }
  if (!of_logits && options.merge == "sum" && options.tta != "none") {
    throw_usage_error("merge 'sum' of probabilities is no probability; use merge mean, or merge_of logits");
  }
}

/// A half turn and both diagonals also exchange the left and the right side of the picture.
void require_sides_kept(const Task& task, const std::string& tta, const std::vector<View>& views) {
  if (!task.is_lateral()) return;
  for (const View& view : views) {
    if (!view.flip_horizontal && view.quarter_turns == 0) continue;
    throw_usage_error("tta '" + tta +
                      "': this task tells left from right, and mirrored or turned views would swap them; allowed: none, vflip");
  }
}

/// Moves only what is elsewhere: to() drops gradients, and a network in training keeps its own.
void move_to(models::Segmenter& network, at::Device device) {
  const NamedTensors parameters = network.named_parameters();
  if (!parameters.empty() && parameters[0].second.device() != device) network.to(device);
}

/// In a handler of `error` only.
[[noreturn]] void rethrow_out_of_memory(const c10::Error& error, const at::Tensor& image, size_t views) {
  if (!is_out_of_memory(error)) throw;
  throw_run_error(
      fmt::format("out of memory at batch {} of {}x{}{}: lower the batch (--batch, data.evaluation_batch), "
                  "eval.images_at_once or data.size",
                  image.size(0), image.size(2), image.size(3), views > 1 ? fmt::format(" in {} views", views) : ""));
}

}  // namespace

OptionTable options_of(PredictorOptions& options) {
  OptionTable table;
  table.add("tta", options.tta, "test-time augmentation: tta1 = id, h; tta2 = id, h, v, hv; tta3 = d4", tta_names());
  table.add("merge", options.merge, "how the views' outputs are merged", merge_names());
  table.add("merge_of", options.merge_of, "what is merged; ensembles always merge probabilities", {"probabilities", "logits"});
  table.add("images_at_once", options.images_at_once, "images in one forward pass; a larger stack of views is run in pieces", at_least(1));
  return table;
}

Predictor::Predictor(std::vector<std::shared_ptr<models::Segmenter>> networks, const Task& task, PredictorOptions options,
                     at::Device device)
    : networks_(std::move(networks)),
      task_(task),
      options_(std::move(options)),
      device_(device),
      views_(tta_views(options_.tta)),
      has_label_(task.label().is_wanted()) {
  LARMOR_ASSERT(!networks_.empty());
  require_alike(networks_);
  require_merge_fits(options_);
  for (const auto& network : networks_) {
    if (has_label_) require_label_head(network->info(), task_.label());
  }
  require_sides_kept(task_, options_.tta, views_);
  for (const auto& network : networks_) {
    move_to(*network, device_);
    network->eval();
    const c10::InferenceMode inference;
    network->prepare_inference();
  }
}

models::SegmenterOutput Predictor::forward(models::Segmenter& network, const at::Tensor& stack) const {
  if (!has_label_) return {network.forward(stack).to(at::kFloat), {}};
  const models::SegmenterOutput output = network.forward_with_labels(stack);
  return {output.logits.to(at::kFloat), output.label_logits.to(at::kFloat)};
}

models::SegmenterOutput Predictor::forward_in_pieces(models::Segmenter& network, const at::Tensor& stack) const {
  if (stack.size(0) <= options_.images_at_once) return forward(network, stack);
  std::vector<at::Tensor> pieces, label_pieces;
  for (const at::Tensor& piece : stack.split(options_.images_at_once)) {
    const models::SegmenterOutput output = forward(network, piece);
    pieces.push_back(output.logits);
    if (has_label_) label_pieces.push_back(output.label_logits);
  }
  return {at::cat(pieces), has_label_ ? at::cat(label_pieces) : at::Tensor()};
}

/// A label is the same in every view.
void Predictor::add_label(const at::Tensor& label_logits, int64_t images, Prediction& prediction) const {
  if (!has_label_) return;
  prediction.label_logits = label_logits.narrow(0, 0, images);
  const at::Tensor mean = at::stack(label_logits.softmax(1).chunk(static_cast<int64_t>(views_.size()))).mean(0);
  at::Tensor& sum = prediction.label_probabilities;
  sum = sum.defined() ? sum + mean : mean;
}

at::Tensor Predictor::merged_probabilities(models::Segmenter& network, const at::Tensor& image, Prediction& prediction,
                                           const OnMember& on_member) {
  if (views_.size() == 1) {
    const models::SegmenterOutput output = forward_in_pieces(network, image);
    prediction.logits = output.logits;
    add_label(output.label_logits, image.size(0), prediction);
    at::Tensor probabilities = task_.activate(output.logits);
    if (on_member) on_member(probabilities);
    return probabilities;
  }
  std::vector<at::Tensor> seen;
  for (const View& view : views_) seen.push_back(apply_view(image, view));
  const models::SegmenterOutput output = forward_in_pieces(network, at::cat(seen));
  const at::Tensor& logits = output.logits;
  add_label(output.label_logits, image.size(0), prediction);
  const bool of_logits = options_.merge_of == "logits";
  std::vector<at::Tensor> outputs = (of_logits ? logits : task_.activate(logits)).chunk(static_cast<int64_t>(views_.size()));
  for (size_t i = 0; i < views_.size(); ++i) outputs[i] = undo_view(outputs[i], views_[i]);
  for (size_t i = 0; i < views_.size() && on_member; ++i) on_member(of_logits ? task_.activate(outputs[i]) : outputs[i]);
  prediction.logits = logits.narrow(0, 0, image.size(0));
  const at::Tensor merged = merge_views(outputs, options_.merge);
  return of_logits ? task_.activate(merged) : merged;
}

Prediction Predictor::predict(const at::Tensor& image, const OnMember& on_member) {
  try {
    return predict_batch(image, on_member);
  } catch (const c10::Error& error) {
    rethrow_out_of_memory(error, image, views_.size());
  }
}

Prediction Predictor::predict_batch(const at::Tensor& image, const OnMember& on_member) {
  const c10::InferenceMode inference;
  const at::Tensor input = image.to(device_);
  Prediction prediction;
  for (const auto& network : networks_) {
    const at::Tensor one = merged_probabilities(*network, input, prediction, on_member);
    prediction.probabilities = prediction.probabilities.defined() ? prediction.probabilities + one : one;
  }
  if (networks_.size() > 1) {
    prediction.probabilities = prediction.probabilities / static_cast<double>(networks_.size());
    if (has_label_) prediction.label_probabilities = prediction.label_probabilities / static_cast<double>(networks_.size());
    prediction.logits.reset();
    prediction.label_logits.reset();
  }
  if (has_label_) prediction.label_probabilities = prediction.label_probabilities.to(at::kCPU).contiguous();
  prediction.probabilities = prediction.probabilities.to(at::kCPU).contiguous();
  return prediction;
}

at::Tensor Predictor::logits(const at::Tensor& image) {
  LARMOR_ASSERT(networks_.size() == 1);
  const c10::InferenceMode inference;
  try {
    return networks_[0]->forward(image.to(device_)).to(at::kCPU).contiguous();
  } catch (const c10::Error& error) {
    rethrow_out_of_memory(error, image, 1);
  }
}

}  // namespace larmor::eval
