#include "train/trainer.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <chrono>
#include <cmath>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/files.h"
#include "core/interrupt.h"
#include "core/log.h"
#include "core/memory.h"
#include "core/random.h"
#include "eval/evaluate.h"
#include "eval/predictor.h"
#include "models/weights/weights.h"
#include "optim/ema.h"
#include "train/checkpoint.h"
#include "train/experiment.h"
#include "train/pinned_memory.h"
#include "train/precision.h"
#include "train/start_report.h"
#include "train/tensorboard.h"

namespace larmor::train {

namespace {

using Json = nlohmann::json;
using Clock = std::chrono::steady_clock;

/// Of which batch norm's statistics are taken for averaged weights; their memory is about ten batches long.
constexpr int64_t kStatisticsBatches = 50;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

double wall_clock() { return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count(); }

/// What one epoch of training did.
struct EpochStatistics {
  double loss = 0;
  double seconds = 0;
  bool is_whole = true;  ///< seconds, wait_seconds and samples are of the whole epoch, not of what a stop had left of it
  double wait_seconds = 0;
  int64_t samples = 0;
  int64_t skipped_steps = 0;
};

struct Validation {
  double loss = std::numeric_limits<double>::quiet_NaN();
  std::vector<std::pair<std::string, double>> metrics;
  double monitored = std::numeric_limits<double>::quiet_NaN();
};

/// A batch on its way through the network.
struct Pass {
  at::Tensor image, target;
  at::Tensor labels;  ///< of whole images; undefined without a label
  uint64_t seed = 0;
  double weight = 1;  ///< of its loss in the step
};

/// "" or the name of the first tensor that holds an infinity or NaN.
std::string find_non_finite(const NamedTensors& tensors) {
  const c10::NoGradGuard no_gradients;
  for (const auto& [name, tensor] : tensors) {
    if (tensor.is_floating_point() && !at::isfinite(tensor).all().item<bool>()) return name;
  }
  return "";
}

std::vector<at::Tensor> tensors_of(const NamedTensors& named) {
  std::vector<at::Tensor> tensors;
  tensors.reserve(named.size());
  for (const auto& [name, tensor] : named) tensors.push_back(tensor);
  return tensors;
}

void copy_all(const std::vector<at::Tensor>& from, const std::vector<at::Tensor>& to) {
  if (!from.empty()) at::_foreach_copy_(to, from);  // which refuses an empty list
}

/// One training from start to end; its members are the parts that a recipe makes.
class Session {
 public:
  Session(const Recipe& recipe, const RunFolder& folder, const TrainerSettings& settings)
      : recipe_(recipe),
        folder_(folder),
        settings_(settings),
        precision_(parse_precision(recipe.train.precision, settings.device)),
        dataset_(open_dataset(recipe)),
        record_(record_of(dataset_)),
        network_(make_network(recipe)),
        scaler_(precision_) {
    require_channels(*network_, *dataset_.source);
    task_ = make_task(recipe_, network_->info().classes);
    require_trained_heads(*network_, task_->label());
    models::require_size(recipe.data.size, recipe.data.size, network_->info());
    start_weights_ = load_start_weights(*network_, recipe_);
    network_->to(settings_.device);
    loss_ = make_loss(recipe_);
    if (task_->label().is_wanted()) {
      labels_.emplace(task_->label(), *dataset_.source);
      label_loss_ = make_label_loss(task_->label());
    }
    optimizer_ = make_optimizer(recipe_, *network_);
    if (settings.kernels) optimizer_->use_kernels(settings.kernels);
    if (recipe.optim.ema > 0 && has_average()) {
      throw_usage_error(fmt::format("optim.ema: '{}' averages the weights itself; leave it 0", recipe.optim.name));
    }
    buffers_ = tensors_of(network_->named_buffers());
    for (const at::Tensor& buffer : buffers_) buffers_before_.push_back(buffer.clone());
    loader_ = make_training_loader(recipe_, dataset_, slot_allocator(settings_.device));
    validation_loader_ = make_evaluation_loader(recipe_, dataset_, validation_cases(), slot_allocator(settings_.device));
    schedule_ = make_schedule(recipe_, steps_per_epoch(), optimizer_->default_lr());
    if (recipe_.optim.ema > 0) ema_ = std::make_unique<optim::Ema>(network_->state_dict(), recipe_.optim.ema);
  }

  TrainResult run() {
    const auto start = Clock::now();
    prepare_folder();
    begin_log();
    TrainResult result;
    while (state_.epoch < epochs() && !must_stop_early()) {
      const EpochStatistics statistics = train_epoch();
      total_wait_ += statistics.wait_seconds;
      if (interrupted()) {
        require_finite_weights();
        save_last();
        return finish(result, start, false);
      }
      finish_epoch(statistics);
    }
    result.stopped_early = must_stop_early();
    return finish(result, start, true);
  }

 private:
  int64_t epochs() const { return settings_.fast_dev_run ? 1 : recipe_.train.epochs; }
  int64_t batches_per_epoch() const {
    const int64_t all = loader_->batches_per_epoch();
    return settings_.fast_dev_run ? std::min<int64_t>(all, 2) : all;
  }
  int64_t steps_per_epoch() const { return (batches_per_epoch() + recipe_.train.accumulate - 1) / recipe_.train.accumulate; }

  bool has_average() const { return !optimizer_->evaluation_weights().empty(); }

  std::vector<int64_t> validation_cases() const {
    std::vector<int64_t> cases = dataset_.split.validation;
    const auto limit = static_cast<size_t>(2 * recipe_.data.evaluation_batch);
    if (settings_.fast_dev_run && cases.size() > limit) cases.resize(limit);
    return cases;
  }

  // ---- the run folder ----

  void prepare_folder() {
    if (settings_.resume) {
      require_checkpoint();
      lock_ = folder_.take();
      resume();
      return;
    }
    if (folder_.is_used() && !settings_.overwrite) {
      throw_usage_error(fmt::format("{}: already holds a run{}--overwrite starts again", folder_.root().string(),
                                    folder_.has_checkpoint() ? "; --resume continues it, " : " (no checkpoint yet); "));
    }
    lock_ = folder_.take();
    folder_.clear();
    write_file_atomically(folder_.recipe(), larmor::to_yaml(to_config(recipe_)));
  }

  void require_checkpoint() const {
    if (folder_.has_checkpoint()) return;
    throw_usage_error(
        fmt::format("{}: nothing to resume: no checkpoints/last.safetensors; leave out --resume to start", folder_.root().string()));
  }

  void resume() {
    const Checkpoint checkpoint = load_last();
    require_same_recipe(checkpoint);
    require_same_data(checkpoint);
    const std::string source = folder_.last().string();
    models::load_state(*network_, checkpoint.model, source);
    optimizer_->load_state(checkpoint.optimizer, source);
    state_ = checkpoint.state;
    saved_step_ = state_.step;
    schedule_->load_state(state_.schedule);
    scaler_.load_state(state_.scaler);
    if (ema_) ema_->load(checkpoint.ema, state_.ema_updates);
  }

  /// A torn checkpoint is refused, never replaced by an older state in silence.
  Checkpoint load_last() const {
    try {
      return load_checkpoint(folder_.last());
    } catch (const Error& error) {
      const std::string weights = folder_.best().string();
      throw_data_error(fmt::format("{}; nothing to resume from: start again with --overwrite{}", error.what(),
                                   std::filesystem::exists(weights) ? ", or in another --run-dir with model.weights=" + weights : ""));
    }
  }

  /// On other data the sides could mix, and the same bits could not come out.
  void require_same_data(const Checkpoint& checkpoint) const {
    const std::string changed = difference(checkpoint.data, record_);
    if (changed.empty()) return;
    throw_data_error(fmt::format("{}: cannot resume on other data ({}); give the data of the start, another --run-dir or --overwrite",
                                 folder_.root().string(), changed));
  }

  void require_same_recipe(const Checkpoint& checkpoint) const {
    const Recipe before = recipe_from(parse_yaml(checkpoint.recipe, folder_.last().string()), recipe_.name);
    const std::vector<std::string> changed = differences(deciding_config(before), deciding_config(recipe_));
    if (changed.empty()) return;
    throw_usage_error(fmt::format("{}: cannot resume with another recipe ({}); use another --run-dir or --overwrite",
                                  folder_.root().string(), fmt::join(changed, "; ")));
  }

  void begin_log() {
    make_folder(folder_.root());
    log_ = std::make_unique<JsonLog>(folder_.log());
    tensorboard_ = std::make_unique<TensorBoardWriter>(folder_.root(), wall_clock());
    const StartReport report = describe_start(recipe_, dataset_, *network_, settings_.device, settings_.threads, settings_.command,
                                              folder_.root(), start_weights_);
    log_->write(settings_.resume ? "resume" : "start", report.json);
    for (const std::string& line : report.lines) say(line);
  }

  void say(const std::string& line) const {
    if (settings_.say) settings_.say(line);
  }

  // ---- one epoch ----

  EpochStatistics train_epoch() {
    const auto start = Clock::now();
    const double wait_before = loader_->wait_seconds();
    EpochStatistics statistics;
    statistics.is_whole = state_.batch == 0;
    ProgressBar bar(fmt::format("epoch {:3}/{}", state_.epoch + 1, epochs()), batches_per_epoch(), settings_.style);
    network_->train();
    loader_->start_epoch(state_.epoch, state_.batch);
    while (state_.batch < batches_per_epoch()) {
      if (at_step_boundary() && interrupted()) break;
      std::optional<datasets::Batch> batch = loader_->next();
      LARMOR_ASSERT(batch.has_value());
      statistics.samples += batch->count();
      train_batch(*batch);
      ++state_.batch;
      const double elapsed = seconds_since(start);
      const double waited = loader_->wait_seconds() - wait_before;
      bar.update(state_.batch, fmt::format("loss {:.3f}  wait {:.0f} %", mean_loss(), 100 * waited / std::max(elapsed, 1e-9)));
    }
    statistics.loss = mean_loss();
    statistics.skipped_steps = state_.epoch_skipped_steps;
    statistics.seconds = seconds_since(start);
    statistics.wait_seconds = loader_->wait_seconds() - wait_before;
    return statistics;
  }

  /// Of the batches whose loss was finite; NaN when there was none.
  double mean_loss() const { return state_.loss_sum / static_cast<double>(state_.loss_count); }

  bool at_step_boundary() const { return state_.batch % recipe_.train.accumulate == 0; }

  /// Batches whose gradients are summed into the step that `batch` belongs to; the last group of an epoch may be smaller.
  int64_t group_size(int64_t batch) const {
    const int64_t first = batch - batch % recipe_.train.accumulate;
    return std::min(recipe_.train.accumulate, batches_per_epoch() - first);
  }

  void train_batch(const datasets::Batch& batch) {
    try {
      const bool is_first = at_step_boundary();
      const int64_t group = group_size(state_.batch);
      const bool is_last = state_.batch % recipe_.train.accumulate == group - 1;
      if (is_first) {
        optimizer_->zero_grad();
        group_is_finite_ = true;
        copy_all(buffers_, buffers_before_);
        passes_.clear();
      }
      const Pass pass = make_pass(batch, 1.0 / static_cast<double>(group));
      count_loss(forward_backward(pass), batch.count());
      if (optimizer_->needs_second_pass()) passes_.push_back(pass);
      if (is_last) take_step();
    } catch (const c10::Error& error) {
      rethrow_out_of_memory(error, batch);
    }
  }

  Pass make_pass(const datasets::Batch& batch, double weight) const {
    // Dropout masks depend on the batch's place alone, so no generator state has to be saved.
    const RandomKey key = RandomKey(static_cast<uint64_t>(recipe_.train.seed)).with("step").with(static_cast<uint64_t>(state_.epoch));
    Pass pass;
    pass.image = at::from_blob(batch.image, batch.shape, at::kFloat).to(settings_.device, /*non_blocking=*/true);
    pass.target = task_->encode_target(batch).to(settings_.device, /*non_blocking=*/true);
    if (labels_) pass.labels = labels_->encode(batch).to(settings_.device, /*non_blocking=*/true);
    pass.seed = key.with(static_cast<uint64_t>(state_.batch)).value();
    pass.weight = weight;
    // The loader uses the memory of a batch again.
    if (optimizer_->needs_second_pass() && recipe_.train.accumulate > 1) pass.image = pass.image.clone();
    return pass;
  }

  /// Of the masks, and of the label where there is one.
  at::Tensor loss_of(const models::SegmenterOutput& output, const at::Tensor& target, const at::Tensor& labels) const {
    at::Tensor loss = (*loss_)(output.logits.to(at::kFloat), target);
    if (!label_loss_) return loss;
    return loss + task_->label().loss_weight * (*label_loss_)(output.label_logits.to(at::kFloat), labels);
  }

  /// The loss of the batch, before its weight.
  double forward_backward(const Pass& pass) {
    at::manual_seed(pass.seed);
    at::Tensor loss;
    {
      const AutocastGuard autocast(precision_, settings_.device.type());
      loss = loss_of(labels_ ? network_->forward_with_labels(pass.image) : models::SegmenterOutput{network_->forward(pass.image), {}},
                     pass.target, pass.labels);
    }
    scaler_.scale(loss * pass.weight).backward();
    const double value = loss.item<double>();
    group_is_finite_ = group_is_finite_ && std::isfinite(value);
    return value;
  }

  void count_loss(double value, int64_t cases) {
    if (!std::isfinite(value)) return;
    state_.loss_sum += value * static_cast<double>(cases);
    state_.loss_count += cases;
  }

  void take_step() {
    const double lr = optimizer_->default_lr() * schedule_->factor(state_.step);
    optimizer_->set_momentum(schedule_->momentum(state_.step));
    if (unscale_gradients() && take_second_gradients() && clip_gradients()) {
      optimizer_->step(lr);
      if (ema_) ema_->update(network_->state_dict());
    } else {
      skip_step();
    }
    ++state_.step;
    if (settings_.on_step) settings_.on_step(state_.step);
  }

  /// False: not finite, the step must be skipped. Without a norm that is computed anyway, float32 and bf16 go by the loss; what slips
  /// through is found in the weights after the epoch. fp16 must look at the gradients themselves.
  bool unscale_gradients() { return precision_ == Precision::fp16 ? scaler_.unscale(*optimizer_) : group_is_finite_; }

  /// Of the same batches beside the weights, for an optimizer that wants them. Running statistics stay those of the first pass.
  bool take_second_gradients() {
    if (!optimizer_->needs_second_pass()) return true;
    std::vector<at::Tensor> statistics;
    for (const at::Tensor& buffer : buffers_) statistics.push_back(buffer.clone());
    optimizer_->perturb();
    optimizer_->zero_grad();
    group_is_finite_ = true;
    for (const Pass& pass : passes_) forward_backward(pass);
    copy_all(statistics, buffers_);
    return unscale_gradients();
  }

  /// False: not finite, as above.
  bool clip_gradients() {
    if (recipe_.optim.clip_value > 0) optimizer_->clamp_gradients(recipe_.optim.clip_value);
    if (recipe_.optim.clip_norm <= 0) return true;
    const double norm = optimizer_->gradient_norm();
    if (!std::isfinite(norm)) return false;
    if (norm > recipe_.optim.clip_norm) optimizer_->scale_gradients(recipe_.optim.clip_norm / norm);
    return true;
  }

  /// As if its batches had not been: batch norm has already taken them in.
  void skip_step() {
    optimizer_->retreat();
    copy_all(buffers_before_, buffers_);
    ++state_.skipped_steps;
    ++state_.epoch_skipped_steps;
  }

  [[noreturn]] void rethrow_out_of_memory(const c10::Error& error, const datasets::Batch& batch) const {
    const std::string what = error.what_without_backtrace();
    if (!is_out_of_memory(error)) throw_run_error(what.substr(0, what.find('\n')));
    throw_run_error(
        fmt::format("out of memory at batch {} of {}x{}: lower data.batch (train.accumulate keeps the batch per step) or data.size",
                    batch.shape[0], batch.shape[2], batch.shape[3]));
  }

  // ---- after an epoch ----

  void finish_epoch(const EpochStatistics& statistics) {
    if (state_.loss_count == 0) throw_diverged("the loss was not finite in any batch");
    require_finite_weights();
    const int64_t epoch = state_.epoch;
    const bool is_due = (epoch + 1) % recipe_.train.validate_every == 0 || epoch + 1 == epochs();
    Validation validation;
    if (is_due) validation = validate();
    const double lr = optimizer_->default_lr() * schedule_->factor(std::max<int64_t>(state_.step - 1, 0));
    const bool is_better = is_due && remember_best(epoch, validation.monitored);
    if (is_due) schedule_->observe(validation.monitored);
    state_.epoch = epoch + 1;
    state_.batch = 0;
    state_.loss_sum = 0;
    state_.loss_count = 0;
    state_.epoch_skipped_steps = 0;
    if (is_better) save_best(validation.monitored);
    record(epoch, statistics, validation, lr);
    if ((epoch + 1) % recipe_.train.checkpoint_every == 0 || state_.epoch == epochs() || must_stop_early()) save_last();
  }

  [[noreturn]] void throw_diverged(const std::string& what) const {
    const std::string kept = saved_step_ ? fmt::format("the last good checkpoint is {} (step {})", folder_.last().string(), *saved_step_)
                                         : "no checkpoint was saved before";
    throw_run_error(fmt::format("epoch {}: {}: lower optim.lr ({:g}) or set optim.clip_norm; {}", state_.epoch + 1, what,
                                optimizer_->default_lr(), kept));
  }

  /// Weights that are not finite never come back, so that they must not replace a checkpoint.
  void require_finite_weights() const {
    std::string name = find_non_finite(network_->state_dict());
    if (name.empty() && ema_) name = find_non_finite(ema_->averaged());
    if (!name.empty()) throw_diverged("the weights are not finite (" + name + ")");
  }

  Validation validate() {
    make_validator();
    eval::Predictor predictor({validator_}, *task_, recipe_.eval, settings_.device);
    double loss_sum = 0;
    int64_t loss_count = 0;
    eval::EvaluateOptions options;
    options.epoch = validations_++;  // in sequence, so that what the loader made ahead is used
    options.on_prediction = [&](const datasets::Batch& batch, const eval::Prediction& prediction) {
      const at::Device device = prediction.logits.device();
      const at::Tensor target = task_->encode_target(batch).to(device);
      const at::Tensor labels = labels_ ? labels_->encode(batch).to(device) : at::Tensor();
      const at::Tensor loss = loss_of({prediction.logits, prediction.label_logits}, target, labels);
      loss_sum += loss.item<double>() * static_cast<double>(batch.count());
      loss_count += batch.count();
    };
    const eval::Evaluation evaluation = eval::evaluate(predictor, *validation_loader_, *task_, *dataset_.source, options);
    Validation validation;
    if (loss_count) validation.loss = loss_sum / static_cast<double>(loss_count);
    for (const eval::Metric& metric : evaluation.metrics) validation.metrics.emplace_back(metric.name, metric.value);
    validation.monitored = evaluation.value(recipe_.train.monitor);
    return validation;
  }

  /// A copy with what is evaluated and kept: folding batch norm and packing weights must not touch the network that trains.
  void make_validator() {
    if (!validator_) validator_ = make_network(recipe_);
    if (validator_step_ == state_.step) return;
    validator_->train(false);
    models::load_state(*validator_, ema_ ? ema_->averaged() : network_->state_dict(), "the training network");
    validator_->to(settings_.device);
    if (has_average()) {
      models::load_state(*validator_, optimizer_->evaluation_weights(), "the average", /*strict=*/false);
      take_statistics();
    }
    validator_step_ = state_.step;
  }

  /// Batch norm's, for weights that were never run: over the first batches of an epoch that the step decides, so that they can be repeated.
  void take_statistics() {
    if (!statistics_loader_) statistics_loader_ = make_training_loader(recipe_, dataset_, slot_allocator(settings_.device));
    const c10::NoGradGuard no_gradients;
    validator_->train();
    statistics_loader_->start_epoch(state_.step / steps_per_epoch());
    for (int64_t i = 0; i < std::min(kStatisticsBatches, batches_per_epoch()); ++i) {
      const std::optional<datasets::Batch> batch = statistics_loader_->next();
      LARMOR_ASSERT(batch.has_value());
      const AutocastGuard autocast(precision_, settings_.device.type());
      at::manual_seed(static_cast<uint64_t>(i));
      validator_->forward(at::from_blob(batch->image, batch->shape, at::kFloat).to(settings_.device));
    }
    validator_->eval();
  }

  bool is_better_than_best(double value) const {
    if (!std::isfinite(value)) return false;
    if (state_.best_epoch < 0) return true;
    return recipe_.train.mode == "max" ? value > state_.best_value : value < state_.best_value;
  }

  bool remember_best(int64_t epoch, double value) {
    if (!is_better_than_best(value)) {
      state_.epochs_without_better = epoch - state_.best_epoch;
      return false;
    }
    state_.best_epoch = epoch;
    state_.best_value = value;
    state_.epochs_without_better = 0;
    return true;
  }

  bool must_stop_early() const { return recipe_.train.early_stop > 0 && state_.epochs_without_better >= recipe_.train.early_stop; }

  void save_best(double value) {
    save_weights(folder_.best(), {validator_->state_dict(), larmor::to_yaml(portable_config(recipe_)), state_.best_epoch + 1,
                                  recipe_.train.monitor, value, record_});
  }

  void save_last() {
    Checkpoint checkpoint;
    state_.schedule = schedule_->state();
    state_.scaler = scaler_.state();
    if (ema_) state_.ema_updates = ema_->updates();
    checkpoint.state = state_;
    checkpoint.model = network_->state_dict();
    checkpoint.optimizer = optimizer_->state();
    if (ema_) {
      checkpoint.ema = ema_->averaged();
    } else if (has_average()) {
      make_validator();
      checkpoint.ema = validator_->state_dict();
    }
    checkpoint.recipe = larmor::to_yaml(portable_config(recipe_));
    checkpoint.data = record_;
    save_checkpoint(folder_.last(), checkpoint);
    saved_step_ = state_.step;
  }

  void record(int64_t epoch, const EpochStatistics& statistics, const Validation& validation, double lr) {
    EpochRow row{epoch + 1,
                 statistics.loss,
                 validation.loss,
                 validation.metrics,
                 lr,
                 statistics.is_whole ? statistics.seconds : std::numeric_limits<double>::quiet_NaN(),
                 statistics.wait_seconds / std::max(statistics.seconds, 1e-9),
                 static_cast<double>(statistics.samples) / statistics.seconds,
                 steps_per_epoch(),
                 statistics.skipped_steps};
    write_epoch_row(folder_.metrics(), row, task_->metric_names());
    Json metrics = Json::object();
    std::vector<std::pair<std::string, double>> scalars{{"loss/train", row.loss}, {"lr", lr}, {"data/wait_share", row.wait_share}};
    if (std::isfinite(row.validation_loss)) scalars.emplace_back("loss/validation", row.validation_loss);
    for (const auto& [name, value] : row.metrics) {
      metrics[name] = value;
      scalars.emplace_back("validation/" + name, value);
    }
    tensorboard_->write(row.epoch, wall_clock(), scalars);
    log_->write("epoch", {{"epoch", row.epoch},
                          {"loss", row.loss},
                          {"val_loss", row.validation_loss},
                          {"metrics", metrics},
                          {"lr", lr},
                          {"seconds", row.seconds},
                          {"wait_share", row.wait_share},
                          {"images_per_s", row.images_per_second},
                          {"steps", row.steps},
                          {"skipped_steps", row.skipped_steps}});
    say(epoch_line(row, validation));
  }

  std::string epoch_line(const EpochRow& row, const Validation& validation) const {
    std::string line = fmt::format("       {:<4}  loss {:.3f}", row.epoch, row.loss);
    if (std::isfinite(validation.monitored)) {
      line += fmt::format("   val loss {:.3f}   val {} {:.3f}", validation.loss, recipe_.train.monitor, validation.monitored);
      if (state_.best_epoch >= 0) line += fmt::format("   best {:.3f} @{}", state_.best_value, state_.best_epoch + 1);
    }
    line += fmt::format("   lr {:.2e}", row.lr);
    if (std::isfinite(row.seconds)) line += fmt::format("   {:.1f} s", row.seconds);
    if (row.skipped_steps > 0) line += fmt::format("   {} of {} steps skipped (loss or gradient not finite)", row.skipped_steps, row.steps);
    return line;
  }

  TrainResult finish(TrainResult result, Clock::time_point start, bool finished) {
    result.finished = finished;
    result.epochs_done = state_.epoch;
    result.best_epoch = state_.best_epoch + 1;
    result.best_value = state_.best_value;
    result.wall_seconds = seconds_since(start);
    result.wait_share = total_wait_ / std::max(result.wall_seconds, 1e-9);
    log_->write(finished ? "end" : "interrupted", {{"epochs_done", result.epochs_done},
                                                   {"best_epoch", result.best_epoch},
                                                   {"best_value", result.best_value},
                                                   {"wall_seconds", result.wall_seconds},
                                                   {"wait_share", result.wait_share},
                                                   {"stopped_early", result.stopped_early},
                                                   {"skipped_steps", state_.skipped_steps},
                                                   {"process_peak_memory", peak_memory()}});
    return result;
  }

  const Recipe& recipe_;
  const RunFolder& folder_;
  const TrainerSettings& settings_;
  Precision precision_;
  Dataset dataset_;
  DataRecord record_;
  std::unique_ptr<FileLock> lock_;
  std::shared_ptr<models::Segmenter> network_, validator_;
  std::unique_ptr<eval::Task> task_;
  std::unique_ptr<losses::Loss> loss_, label_loss_;
  std::optional<eval::CaseLabels> labels_;
  std::unique_ptr<optim::Optimizer> optimizer_;
  std::unique_ptr<datasets::Loader> loader_, validation_loader_, statistics_loader_;
  std::unique_ptr<optim::Schedule> schedule_;
  std::unique_ptr<optim::Ema> ema_;
  LossScaler scaler_;
  std::unique_ptr<JsonLog> log_;
  std::unique_ptr<TensorBoardWriter> tensorboard_;
  TrainState state_;
  std::string start_weights_;
  std::vector<at::Tensor> buffers_, buffers_before_;  // of the network, now and before the step in hand
  std::optional<int64_t> saved_step_;                 // of checkpoints/last
  std::optional<int64_t> validator_step_;             // whose weights it holds
  std::vector<Pass> passes_;                          // of the step in hand, where the optimizer wants them twice
  bool group_is_finite_ = true;
  double total_wait_ = 0;
  int64_t validations_ = 0;
};

void choose_determinism(const std::string& mode) {
  const bool repro = mode == "repro";
  at::Context& context = at::globalContext();
  context.setDeterministicAlgorithms(repro, /*warn_only=*/true);
  context.setDeterministicCuDNN(repro);
  context.setBenchmarkCuDNN(!repro);
  context.setAllowTF32CuDNN(!repro);
  context.setAllowTF32CuBLAS(!repro);
}

}  // namespace

TrainResult train(const Recipe& recipe, const RunFolder& folder, const TrainerSettings& settings) {
  choose_determinism(recipe.train.determinism);
  Session session(recipe, folder, settings);
  return session.run();
}

}  // namespace larmor::train
