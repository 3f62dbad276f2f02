#include "train/trainer.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <map>

#include "core/csv.h"
#include "core/error.h"
#include "core/files.h"
#include "core/interrupt.h"
#include "optim/registry.h"
#include "tests/support/errors.h"
#include "tests/support/golden.h"
#include "tests/support/tiny_run.h"
#include "train/checkpoint.h"
#include "train/experiment.h"

namespace larmor::train {
namespace {

namespace fs = std::filesystem;

/// Two epochs of two batches of three slices on a tiny set, with three encoder stages; everything random is switched on.
class TrainerSlow : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = testing::make_temporary_folder("trainer");
    testing::write_tiny_lgg(folder_ / "data", 5, 3, 32);
    catch_interrupts();
  }
  void TearDown() override { clear_interrupt(); }

  static Recipe recipe(const std::vector<std::string>& overrides) {
    ConfigNode tree = parse_yaml(testing::tiny_recipe(folder_ / "data"), "tiny.yaml");
    for (const char* line : {"model.encoder_depth=3", "data.batch=3", "train.epochs=2", "data.augment.flip_horizontal=0.5",
                             "data.augment.affine=0.5", "data.augment.noise=0.5"}) {
      apply_override(tree, line);
    }
    for (const std::string& line : overrides) apply_override(tree, line);
    return recipe_from(tree, "tiny");
  }

  static TrainResult run(const std::string& name, const std::vector<std::string>& overrides, TrainerSettings settings = {}) {
    settings.style = ProgressStyle::quiet;
    return train(recipe(overrides), RunFolder(folder_ / name), settings);
  }

  /// Trains until `step`, where SIGTERM arrives, and goes on from there.
  static void run_in_two_parts(const std::string& name, std::vector<std::string> overrides, int64_t step) {
    TrainerSettings first;
    first.on_step = [step](int64_t done) {
      if (done == step) std::raise(SIGTERM);
    };
    overrides.emplace_back("data.workers=2");
    ASSERT_FALSE(run(name, overrides, first).finished);
    clear_interrupt();
    overrides.back() = "data.workers=1";
    TrainerSettings second;
    second.resume = true;
    ASSERT_TRUE(run(name, overrides, second).finished);
  }

  static std::string bytes(const std::string& name, const std::string& file = "checkpoints/last.safetensors") {
    return read_file(folder_ / name / file);
  }

  static void expect_resume_is_exact(const std::string& name, const std::vector<std::string>& overrides, int64_t step) {
    SCOPED_TRACE(name);
    run(name + "-whole", overrides);
    run_in_two_parts(name + "-parts", overrides, step);
    EXPECT_TRUE(bytes(name + "-whole") == bytes(name + "-parts")) << "last.safetensors differs";
    EXPECT_TRUE(bytes(name + "-whole", "checkpoints/best.safetensors") == bytes(name + "-parts", "checkpoints/best.safetensors"));
    fs::remove_all(folder_ / (name + "-whole"));
    fs::remove_all(folder_ / (name + "-parts"));
  }

  static inline fs::path folder_;
};

TEST_F(TrainerSlow, ResumeIsExactForEveryOptimizer) {
  for (const auto& component : optim::registry().components()) {
    expect_resume_is_exact(component.name, {"optim.name=" + component.name}, 3);
  }
}

TEST_F(TrainerSlow, ResumeIsExactWithAverageScheduleAndAccumulation) {
  expect_resume_is_exact("everything",
                         {"optim.name=ranger", "optim.ema=0.9", "optim.schedule={name: plateau, patience: 0}", "train.accumulate=2",
                          "optim.clip_norm=1", "data.sampling=balanced", "data.batch=2"},
                         3);
}

TEST_F(TrainerSlow, ResumeIsExactWithTwoPassesAndAccumulation) {
  expect_resume_is_exact(
      "two-passes",
      {"optim={name: sam, inner: schedulefree_adamw, inner_options: {lr: 0.01}, clip_norm: 1}", "train.accumulate=2", "data.batch=2"}, 3);
}

TEST_F(TrainerSlow, ResumeIsExactAtTheEndOfAnEpoch) { expect_resume_is_exact("boundary", {}, 2); }

TEST_F(TrainerSlow, SeedsDecideTheRun) {
  run("seed-a", {"train.epochs=1", "train.seed=1"});
  run("seed-b", {"train.epochs=1", "train.seed=1", "data.workers=1"});
  run("seed-c", {"train.epochs=1", "train.seed=2"});
  EXPECT_TRUE(bytes("seed-a") == bytes("seed-b"));
  EXPECT_FALSE(bytes("seed-a") == bytes("seed-c"));
}

TEST_F(TrainerSlow, MomentsLiveAcrossEpochs) {
  run("moments", {"train.epochs=2", "optim.name=adam"});
  const Checkpoint checkpoint = load_checkpoint(folder_ / "moments/checkpoints/last.safetensors");
  bool seen = false;
  for (const auto& [name, tensor] : checkpoint.optimizer) {
    if (!name.starts_with("step/")) continue;
    seen = true;
    EXPECT_EQ(tensor.item<int64_t>(), 4) << name;
  }
  EXPECT_TRUE(seen);
}

TEST_F(TrainerSlow, ResumeIsExactWithDropout) {
  for (const char* model : {"{name: fpn, encoder_depth: 3, upsampling: 1}", "{name: pspnet}"}) {
    expect_resume_is_exact("dropout", {std::string("model=") + model, "optim.weight_decay=0.1"}, 3);
  }
}

TEST_F(TrainerSlow, ParametersThatAreOnlyStoredAreLeftAlone) {
  const std::vector<std::string> overrides = {"model={name: pspnet}", "optim={name: adamw, weight_decay: 0.1, ema: 0.9}", "train.epochs=3",
                                              "train.seed=5"};
  run("unused", overrides);
  const auto network = make_network(recipe(overrides));  // as it started
  const Checkpoint checkpoint = load_checkpoint(folder_ / "unused/checkpoints/last.safetensors");
  const std::vector<std::string> unused = network->unused_parameters();
  ASSERT_FALSE(unused.empty());
  ASSERT_GE(checkpoint.state.step, 3);
  for (const auto& [name, start] : network->named_parameters()) {
    const bool is_unused = std::find(unused.begin(), unused.end(), name) != unused.end();
    const auto stored =
        std::find_if(checkpoint.model.begin(), checkpoint.model.end(), [&name = name](const auto& entry) { return entry.first == name; });
    ASSERT_NE(stored, checkpoint.model.end()) << name;
    EXPECT_EQ(at::equal(stored->second, start.detach()), is_unused) << name;
  }
  for (const auto& [name, tensor] : checkpoint.optimizer) {
    EXPECT_EQ(name.find("encoder.layer3"), std::string::npos) << name << " needs no state";
  }
}

TEST_F(TrainerSlow, BestIsTheEpochOfTheBestValidationValue) {
  // Lower is better here, so the best epoch by training loss (the last) and by the monitored value disagree whenever Dice rises.
  run("best", {"train.epochs=3", "train.mode=min", "optim.lr=0.003"});
  const CsvTable metrics = read_csv(folder_ / "best/metrics.csv");
  const size_t column = metrics.column("dice_patients");
  size_t lowest = 0;
  for (size_t i = 0; i < metrics.rows.size(); ++i) {
    if (std::stod(metrics.rows[i][column]) < std::stod(metrics.rows[lowest][column])) lowest = i;
  }
  const Weights weights = load_weights(folder_ / "best/checkpoints/best.safetensors");
  EXPECT_EQ(weights.epoch, static_cast<int64_t>(lowest) + 1);
  EXPECT_DOUBLE_EQ(weights.value, std::stod(metrics.rows[lowest][column]));
  // The training loss would have chosen another epoch, and what was chosen is no view of what went on training.
  const size_t loss = metrics.column("loss");
  const auto least = std::min_element(metrics.rows.begin(), metrics.rows.end(),
                                      [&](const auto& a, const auto& b) { return std::stod(a[loss]) < std::stod(b[loss]); });
  EXPECT_NE(weights.epoch, least - metrics.rows.begin() + 1);
  const Checkpoint last = load_checkpoint(folder_ / "best/checkpoints/last.safetensors");
  ASSERT_EQ(weights.model[0].first, last.model[0].first);
  EXPECT_FALSE(at::equal(weights.model[0].second, last.model[0].second));
}

TEST_F(TrainerSlow, EarlyStopCountsEpochsWithoutBetterValue) {
  const TrainResult result = run("early", {"train.epochs=20", "train.early_stop=2", "optim.lr=0"});
  EXPECT_TRUE(result.stopped_early);
  EXPECT_EQ(result.epochs_done, result.best_epoch + 2);
}

TEST_F(TrainerSlow, OverfitLearnsWhatItSees) {
  const TrainResult result = run("overfit", {"train.overfit=2", "train.epochs=25", "optim.lr=0.003", "optim.ema=0.5"});
  EXPECT_GT(result.best_value, 0.8);
  const DataRecord record = load_checkpoint(folder_ / "overfit/checkpoints/last.safetensors").data;
  EXPECT_TRUE(record.leaks);  // every table of it says so
  EXPECT_EQ(record.train, record.validation);
}

TEST_F(TrainerSlow, TornCheckpointIsRefusedAndKept) {
  run("torn", {"train.epochs=1"});
  const fs::path file = folder_ / "torn/checkpoints/last.safetensors";
  fs::resize_file(file, fs::file_size(file) - 1);
  TrainerSettings settings;
  settings.resume = true;
  try {
    run("torn", {"train.epochs=1"}, settings);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::data);
    EXPECT_TRUE(std::string(error.what()).starts_with(file.string() + ": ")) << error.what();
    EXPECT_TRUE(std::string(error.what()).ends_with("model.weights=" + (folder_ / "torn/checkpoints/best.safetensors").string()));
  }
  EXPECT_TRUE(fs::exists(folder_ / "torn/checkpoints/best.safetensors"));
}

TEST_F(TrainerSlow, AnEarlyStoppedRunStaysStopped) {
  const std::vector<std::string> overrides{"train.epochs=20", "train.early_stop=1", "optim.lr=0"};
  const TrainResult first = run("stays", overrides);
  ASSERT_TRUE(first.stopped_early);
  const std::string last = bytes("stays");
  TrainerSettings settings;
  settings.resume = true;
  const TrainResult second = run("stays", overrides, settings);
  EXPECT_TRUE(second.stopped_early);
  EXPECT_EQ(second.epochs_done, first.epochs_done);
  EXPECT_TRUE(bytes("stays") == last);
}

/// Patients would change sides: what was learnt would be validated.
TEST_F(TrainerSlow, ResumeOnOtherDataIsRefused) {
  testing::write_tiny_lgg(folder_ / "more", 6, 3, 32);
  TrainerSettings settings;
  settings.on_step = [](int64_t done) {
    if (done == 1) std::raise(SIGTERM);
  };
  const std::vector<std::string> overrides{"data.split={kind: kfold, folds: 5}"};
  ASSERT_FALSE(run("other-data", overrides, settings).finished);
  clear_interrupt();
  const std::string last = bytes("other-data");
  settings = {};
  settings.resume = true;
  const std::string message = testing::data_error([&] {
    run("other-data", {overrides[0], "data.root=" + (folder_ / "more").string()}, settings);
  });
  EXPECT_EQ(message.find((folder_ / "other-data").string() + ": cannot resume on other data (subject TCGA_T1_"), 0) << message;
  EXPECT_TRUE(message.ends_with(" now); give the data of the start, another --run-dir or --overwrite")) << message;
  EXPECT_TRUE(bytes("other-data") == last);
}

TEST_F(TrainerSlow, ResumeOnChangedFilesIsRefused) {
  run("changed-files", {"train.epochs=1"});
  fs::copy(folder_ / "data", folder_ / "changed", fs::copy_options::recursive);
  append_line(folder_ / "changed" / testing::tiny_patient(0) / (testing::tiny_patient(0) + "_1.tif"), "longer than before");
  TrainerSettings settings;
  settings.resume = true;
  const std::string message = testing::data_error([&] {
    run("changed-files", {"train.epochs=1", "data.root=" + (folder_ / "changed").string()}, settings);
  });
  EXPECT_NE(message.find(": cannot resume on other data (their files differ: fingerprint "), std::string::npos) << message;
}

TEST_F(TrainerSlow, OneTrainingPerFolder) {
  std::string second;
  TrainerSettings settings;
  settings.on_step = [&](int64_t done) {
    if (done != 1) return;
    TrainerSettings other;
    other.overwrite = true;
    second = testing::run_error([&] { run("shared", {}, other); });
  };
  EXPECT_TRUE(run("shared", {"train.epochs=1"}, settings).finished);
  EXPECT_EQ(second, fmt::format("{}: in use by process {}", (folder_ / "shared/.lock").string(), ::getpid()));
}

TEST_F(TrainerSlow, AStartLeavesNothingOfTheRunBefore) {
  run("again", {"train.epochs=1"});
  const RunFolder folder(folder_ / "again");
  for (const char* file : {"evaluation.json", "cases.csv", "slices.csv", "report.html", "report.md", "overlays/best_1.png"}) {
    make_folder((folder.root() / file).parent_path());
    write_file_atomically(folder.root() / file, "of the run before");
  }
  write_file_atomically(folder.root() / "notes.txt", "mine");
  TrainerSettings settings;
  settings.overwrite = true;
  run("again", {"train.epochs=1"}, settings);
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder.root())) names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  ASSERT_EQ(names.size(), 7u);
  EXPECT_EQ(names[2], "events.out.tfevents." + names[2].substr(20));
  names.erase(names.begin() + 2);
  EXPECT_EQ(names, (std::vector<std::string>{".lock", "checkpoints", "log.jsonl", "metrics.csv", "notes.txt", "recipe.yaml"}));
}

/// A run that was killed before its first checkpoint is a run all the same.
TEST_F(TrainerSlow, AFolderWithTracesOfARunIsNotTaken) {
  run("traces", {"train.epochs=1"});
  fs::remove(folder_ / "traces/checkpoints/last.safetensors");
  EXPECT_EQ(testing::usage_error([&] { run("traces", {}); }),
            (folder_ / "traces").string() + ": already holds a run (no checkpoint yet); --overwrite starts again");
}

/// "" or the first tensor that is not finite.
std::string non_finite(const NamedTensors& tensors) {
  for (const auto& [name, tensor] : tensors) {
    if (!at::isfinite(tensor).all().item<bool>()) return name;
  }
  return "";
}

TEST_F(TrainerSlow, LossThatIsNeverFiniteStopsTheRun) {
  const std::string last = (folder_ / "diverged/checkpoints/last.safetensors").string();
  EXPECT_EQ(testing::run_error([] {
              run("diverged", {"optim.lr=1e30", "train.epochs=3"});
            }),
            "epoch 2: the loss was not finite in any batch: lower optim.lr (1e+30) or set optim.clip_norm; the last good checkpoint is " +
                last + " (step 2)");
}

/// The first step throws the weights far away: the second batch has no finite loss.
TEST_F(TrainerSlow, SkippedStepsAreToldAndLeaveNoTrace) {
  std::vector<std::string> lines;
  TrainerSettings settings;
  settings.say = [&](const std::string& line) { lines.push_back(line); };
  run("skipped", {"optim.lr=1e30", "train.epochs=1"}, settings);
  EXPECT_TRUE(lines.back().ends_with("   1 of 2 steps skipped (loss or gradient not finite)")) << lines.back();

  const CsvTable metrics = read_csv(folder_ / "skipped/metrics.csv");
  EXPECT_EQ(metrics.rows.at(0).at(metrics.column("steps")), "2");
  EXPECT_EQ(metrics.rows.at(0).at(metrics.column("skipped_steps")), "1");
  EXPECT_NE(read_file(folder_ / "skipped/log.jsonl").find(R"("skipped_steps":1,"steps":2)"), std::string::npos);

  const Checkpoint checkpoint = load_checkpoint(folder_ / "skipped/checkpoints/last.safetensors");
  EXPECT_EQ(checkpoint.state.skipped_steps, 1);
  EXPECT_EQ(checkpoint.state.epoch_skipped_steps, 0);
  EXPECT_EQ(non_finite(checkpoint.model), "");
  int counters = 0;
  for (const auto& [name, tensor] : checkpoint.model) {
    if (!name.ends_with("num_batches_tracked") || name.find("encoder.layer3") != std::string::npos ||
        name.find("encoder.layer4") != std::string::npos) {
      continue;
    }
    ++counters;
    EXPECT_EQ(tensor.item<int64_t>(), 1) << name;
  }
  EXPECT_GT(counters, 0);
}

TEST_F(TrainerSlow, SkippedStepsOfAnEpochSurviveAStop) {
  run("skips-whole", {"optim.lr=1e30", "train.epochs=1", "data.batch=1"});
  run_in_two_parts("skips-parts", {"optim.lr=1e30", "train.epochs=1", "data.batch=1"}, 4);
  EXPECT_TRUE(bytes("skips-whole") == bytes("skips-parts"));
  const CsvTable metrics = read_csv(folder_ / "skips-parts/metrics.csv");
  EXPECT_EQ(metrics.rows.at(0).at(metrics.column("skipped_steps")), "5");
}

/// Checkpoints hold no time, so nobody knows how long the epoch took before the stop.
TEST_F(TrainerSlow, SecondsOfAStoppedEpochAreEmpty) {
  run_in_two_parts("seconds", {}, 3);
  const CsvTable metrics = read_csv(folder_ / "seconds/metrics.csv");
  ASSERT_EQ(metrics.rows.size(), 2U);
  EXPECT_GT(std::stod(metrics.rows[0].at(metrics.column("seconds"))), 0);
  EXPECT_EQ(metrics.rows[1].at(metrics.column("seconds")), "");
}

void expect_equal(const NamedTensors& found, const NamedTensors& expected) {
  ASSERT_EQ(found.size(), expected.size());
  for (size_t i = 0; i < found.size(); ++i) {
    EXPECT_EQ(found[i].first, expected[i].first);
    EXPECT_TRUE(at::equal(found[i].second, expected[i].second)) << found[i].first;
  }
}

/// SAM that goes nowhere for its second gradients finds the first ones again, whatever dropout, augmentation and running statistics do.
TEST_F(TrainerSlow, SamWithoutDistanceIsTheOptimizerInside) {
  const std::vector<std::string> common = {"model={name: pspnet}", "train.accumulate=2", "data.batch=2"};
  const auto train_with = [&](const std::string& name, const std::string& optim) {
    std::vector<std::string> overrides = common;
    overrides.push_back(optim);
    run(name, overrides);
    return load_checkpoint(folder_ / name / "checkpoints/last.safetensors");
  };
  const Checkpoint plain = train_with("plain", "optim={name: adam, lr: 0.01}");
  const Checkpoint still = train_with("still", "optim={name: sam, inner: adam, inner_options: {lr: 0.01}, rho: 0}");
  const Checkpoint moving = train_with("moving", "optim={name: sam, inner: adam, inner_options: {lr: 0.01}, rho: 0.5}");
  expect_equal(still.model, plain.model);
  expect_equal(still.optimizer, plain.optimizer);
  EXPECT_EQ(still.state.loss_sum, plain.state.loss_sum);
  EXPECT_FALSE(at::equal(moving.model.front().second, plain.model.front().second));
}

/// So far away no loss is finite: the weights must come back.
TEST_F(TrainerSlow, ASecondPassThatIsNotFiniteLeavesNoTrace) {
  const std::vector<std::string> overrides = {"optim={name: sam, rho: 1.0e+30}", "train.epochs=1"};
  run("far", overrides);
  const Checkpoint checkpoint = load_checkpoint(folder_ / "far/checkpoints/last.safetensors");
  EXPECT_EQ(checkpoint.state.skipped_steps, 2);
  expect_equal(checkpoint.model, make_network(recipe(overrides))->state_dict());
}

/// What is validated and kept are the averaged weights, with batch norm statistics taken for them.
TEST_F(TrainerSlow, ScheduleFreeKeepsItsAverage) {
  run("free", {"optim={name: schedulefree_adamw, lr: 0.01, betas: [0.8, 0.99]}"});
  const Checkpoint checkpoint = load_checkpoint(folder_ / "free/checkpoints/last.safetensors");
  const NamedTensors kept = load_weights(folder_ / "free/checkpoints/last.safetensors").model;
  const std::map<std::string, at::Tensor> fast(checkpoint.optimizer.begin(), checkpoint.optimizer.end());
  ASSERT_EQ(kept.size(), checkpoint.model.size());
  int averages = 0, statistics = 0;
  for (size_t i = 0; i < kept.size(); ++i) {
    const auto& [name, trained] = checkpoint.model[i];
    EXPECT_EQ(kept[i].first, name);
    const auto z = fast.find("z/" + name);
    if (z != fast.end()) {
      ++averages;
      EXPECT_TRUE(at::allclose(kept[i].second, (trained - 0.2 * z->second) / 0.8, 1e-4, 1e-6)) << name;
    }
    if (name == "encoder.layer0.bn1.running_mean") {
      ++statistics;
      EXPECT_FALSE(at::equal(kept[i].second, trained));
    }
  }
  EXPECT_GT(averages, 0);
  EXPECT_EQ(statistics, 1);
  EXPECT_EQ(testing::usage_error([] { run("free-ema", {"optim={name: schedulefree_adamw, ema: 0.9}"}); }),
            "optim.ema: 'schedulefree_adamw' averages the weights itself; leave it 0");
}

/// The rate of the second epoch is beyond float32: its first step makes the weights infinite.
TEST_F(TrainerSlow, AHeadThatNoLossReachesIsNotTrained) {
  EXPECT_EQ(testing::usage_error([&] { run("head", {"model.aux_classes=4"}); }),
            "model.aux_classes: 4 is not allowed without task.label, the metadata column that the classification head learns; set it, or 0 "
            "here");
  EXPECT_FALSE(fs::exists(folder_ / "head"));
}

/// The same slices with a table that tells a type for every patient.
std::string typed_data(const fs::path& folder, const std::string& of_last_patient) {
  const fs::path root = folder / ("typed" + of_last_patient);
  if (!fs::exists(root)) fs::copy(folder / "data", root, fs::copy_options::recursive);
  std::string table = "Patient,kind\n";
  for (int64_t i = 0; i < 4; ++i) table += testing::tiny_patient(i).substr(0, 12) + (i % 2 == 0 ? ",round\n" : ",flat\n");
  write_file_atomically(root / "data.csv", table + testing::tiny_patient(4).substr(0, 12) + "," + of_last_patient + "\n");
  return "data.root=" + root.string();
}

const std::vector<std::string> kHead = {"model.aux_classes=2", "task={name: segmentation, label: kind, label_classes: [flat, round]}"};

std::vector<std::string> with_head(std::vector<std::string> more) {
  more.insert(more.begin(), kHead.begin(), kHead.end());
  return more;
}

/// With next to nothing asked of the masks, what the loss loses is learnt by the head.
TEST_F(TrainerSlow, TheHeadLearnsTheLabel) {
  const std::vector<std::string> overrides =
      with_head({typed_data(folder_, "flat"), "train.overfit=4", "data.batch=4", "train.epochs=12", "train.validate_every=12",
                 "train.checkpoint_every=12", "loss=0.001*bce", "optim.lr=0.003", "task.label_loss={weight: 1}"});
  run("label", overrides);
  const CsvTable metrics = read_csv(folder_ / "label/metrics.csv");
  const size_t loss = metrics.column("loss");
  EXPECT_GT(std::stod(metrics.rows.front()[loss]), 0.4);
  EXPECT_LT(std::stod(metrics.rows.back()[loss]), 0.2);
  EXPECT_FALSE(metrics.rows.back()[metrics.column("type_accuracy")].empty());
  const auto before = make_network(recipe(overrides))->label_parameters();
  const Checkpoint checkpoint = load_checkpoint(folder_ / "label/checkpoints/last.safetensors");
  for (const auto& [name, started] : before) {
    const auto found =
        std::find_if(checkpoint.model.begin(), checkpoint.model.end(), [&](const auto& entry) { return entry.first == name; });
    ASSERT_NE(found, checkpoint.model.end()) << name;
    EXPECT_FALSE(at::equal(found->second, started)) << name;
  }
}

TEST_F(TrainerSlow, ResumeIsExactWithALabel) {
  expect_resume_is_exact("label", with_head({typed_data(folder_, "flat"), "optim.ema=0.9", "train.accumulate=2", "data.batch=2"}), 3);
}

TEST_F(TrainerSlow, LabelsThatCannotBeLearnt) {
  EXPECT_EQ(testing::usage_error([&] {
              run("no-head", with_head({typed_data(folder_, "flat"), "model.aux_classes=0"}));
            }),
            "model.aux_classes: 0 does not fit task.label_classes; the classification head of kind must have 2 classes");
  EXPECT_EQ(testing::usage_error([&] {
              run("no-column", with_head({typed_data(folder_, "flat"), "task.label=king"}));
            }),
            "task.label: unknown column 'king'; nearest: 'kind'");
  EXPECT_EQ(testing::data_error([&] { run("no-value", with_head({typed_data(folder_, "")})); }),
            "subject " + testing::tiny_patient(4) +
                ": has no kind, which task.label learns; fill it in, or leave the subject out (data.exclude)");
  EXPECT_EQ(
      testing::data_error([&] { run("other-value", with_head({typed_data(folder_, "oval")})); }),
      "subject " + testing::tiny_patient(4) +
          ": its kind 'oval' is none of task.label_classes (flat, round); add it there and to model.aux_classes, or leave the subject "
          "out (data.exclude)");
  EXPECT_FALSE(fs::exists(folder_ / "no-head"));
}

TEST_F(TrainerSlow, WeightsThatAreNotFiniteReplaceNoCheckpoint) {
  const std::vector<std::string> overrides{"optim.name=sgd", "optim.lr=0.001",
                                           "optim.schedule={name: multistep, milestones: [2], gamma: 1.0e+60}"};
  TrainerSettings settings;
  std::string kept, best;
  settings.on_step = [&](int64_t step) {
    if (step == 3) kept = bytes("infinite"), best = bytes("infinite", "checkpoints/best.safetensors");
  };
  const std::string message = testing::run_error([&] { run("infinite", overrides, settings); });
  EXPECT_TRUE(message.starts_with("epoch 2: the weights are not finite (")) << message;
  EXPECT_TRUE(message.ends_with("): lower optim.lr (0.001) or set optim.clip_norm; the last good checkpoint is " +
                                (folder_ / "infinite/checkpoints/last.safetensors").string() + " (step 2)"))
      << message;
  EXPECT_TRUE(bytes("infinite") == kept);
  EXPECT_TRUE(bytes("infinite", "checkpoints/best.safetensors") == best);
  EXPECT_EQ(non_finite(load_checkpoint(folder_ / "infinite/checkpoints/last.safetensors").model), "");
}

TEST_F(TrainerSlow, InfiniteWeightsAreNotSavedWhenStopped) {
  TrainerSettings settings;
  settings.on_step = [](int64_t step) {
    if (step == 1) std::raise(SIGTERM);
  };
  const std::string message = testing::run_error([&] { run("stopped", {"optim.name=sgd", "optim.lr=1e60"}, settings); });
  EXPECT_TRUE(message.starts_with("epoch 1: the weights are not finite (")) << message;
  EXPECT_TRUE(message.ends_with("; no checkpoint was saved before")) << message;
  EXPECT_FALSE(fs::exists(folder_ / "stopped/checkpoints/last.safetensors"));
}

}  // namespace
}  // namespace larmor::train
