#include "train/trainer.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>

#include "core/csv.h"
#include "core/error.h"
#include "core/files.h"
#include "core/interrupt.h"
#include "optim/registry.h"
#include "tests/support/errors.h"
#include "tests/support/golden.h"
#include "tests/support/tiny_run.h"
#include "train/checkpoint.h"

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
    overrides.push_back("data.workers=2");
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
    // Three encoder stages are run; what the others store has no gradient and takes no step.
    const bool is_unused = name.find("encoder.layer3") != std::string::npos || name.find("encoder.layer4") != std::string::npos;
    seen = seen || !is_unused;
    EXPECT_EQ(tensor.item<int64_t>(), is_unused ? 0 : 4) << name;
  }
  EXPECT_TRUE(seen);
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

TEST_F(TrainerSlow, ResumeOnFewerDataIsRefused) {
  testing::write_tiny_lgg(folder_ / "fewer", 5, 1, 32);
  TrainerSettings settings;
  settings.on_step = [](int64_t done) {
    if (done == 3) std::raise(SIGTERM);
  };
  ASSERT_FALSE(run("fewer-run", {"data.batch=1"}, settings).finished);
  clear_interrupt();
  settings = {};
  settings.resume = true;
  EXPECT_EQ(testing::data_error([&] {
              run("fewer-run", {"data.batch=1", "data.root=" + (folder_ / "fewer").string()}, settings);
            }),
            (folder_ / "fewer-run/checkpoints/last.safetensors").string() +
                ": stopped after batch 3 of an epoch, but these data give 2 batches; resume with the data of the start");
}

TEST_F(TrainerSlow, LossThatIsNeverFiniteStopsTheRun) {
  try {
    run("diverged", {"optim.name=sgd", "optim.lr=1e30", "train.epochs=3", "train.validate_every=3"});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::run);
    EXPECT_NE(std::string(error.what()).find(": lower optim.lr or set optim.clip_norm"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace larmor::train
