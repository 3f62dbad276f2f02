// A table by the command line alone: what is missing is run, what is there is counted once, and nothing strange is counted.
#include <gtest/gtest.h>

#include <csignal>
#include <fstream>
#include <nlohmann/json.hpp>

#include "core/files.h"
#include "tests/support/golden.h"
#include "tests/support/process.h"

namespace larmor::testing {
namespace {

namespace fs = std::filesystem;

class ReproduceEnd : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = make_temporary_folder("reproduce");
    for (const char* patients : {"3", "4"}) {
      const ProcessResult made =
          larmor({"phantom", "lgg", std::string("phantom") + patients, "--patients", patients, "--slices", "5", "--size", "64"});
      ASSERT_EQ(made.exit_code, 0) << made.err;
    }
    std::ofstream(folder_ / "a.yaml") << "data:\n  split: {kind: kfold, folds: 3}\n  size: 32\n  batch: 4\n"
                                         "model: {name: linknet, encoder_depth: 3}\ntrain: {epochs: 1}\n";
    std::ofstream(folder_ / "t.yaml") << "title: T\nrecipe: a.yaml\nreference: adam\nrows:\n"
                                         "  - {name: adam, overrides: [optim.name=adam]}\n  - {name: sgd, overrides: [optim.name=sgd]}\n";
    first_ = reproduce("phantom3");
  }

  static ProcessResult larmor(std::vector<std::string> words) { return run_larmor(words, folder_); }
  static ProcessResult reproduce(const std::string& data) {
    return larmor({"reproduce", "t.yaml", "--data", data, "--seeds", "1", "--threads", "1", "--quiet"});
  }
  static nlohmann::json evaluation() { return nlohmann::json::parse(read_file(folder_ / "runs/tables/t/adam/seed-0/evaluation.json")); }

  static inline fs::path folder_;
  static inline ProcessResult first_;
};

TEST_F(ReproduceEnd, WhatIsThereIsNotRunAgain) {
  ASSERT_EQ(first_.exit_code, 0) << first_.err;
  EXPECT_NE(first_.out.find("2 runs (2 new)"), std::string::npos) << first_.out;
  const ProcessResult again = reproduce("phantom3");
  EXPECT_NE(again.out.find("2 runs (0 new)"), std::string::npos) << again.out;
}

TEST_F(ReproduceEnd, OtherDataAreNotCounted) {
  const ProcessResult other = reproduce("phantom4");
  EXPECT_EQ(other.exit_code, 2);
  EXPECT_EQ(other.err.find("runs/tables/t/adam/seed-0: trained on other data than row 'adam' is given now (fingerprint "), 0u) << other.err;
}

TEST_F(ReproduceEnd, AnEvaluationWithOtherSettingsIsMadeAnew) {
  const nlohmann::json before = evaluation();
  const ProcessResult scored = larmor({"eval", "runs/tables/t/adam/seed-0", "--split", "train", "--threshold", "0.01", "--quiet"});
  ASSERT_EQ(scored.exit_code, 0) << scored.err;
  ASSERT_EQ(evaluation()["split"], "train");
  const ProcessResult again = reproduce("phantom3");
  EXPECT_NE(again.out.find("2 runs (1 new)"), std::string::npos) << again.out;
  EXPECT_EQ(evaluation()["split"], "validation");
  EXPECT_EQ(evaluation()["recipe"], "a");
  EXPECT_EQ(evaluation()["evaluations"][0]["metrics"], before["evaluations"][0]["metrics"]);
}

TEST_F(ReproduceEnd, WeightsAloneDoNotTellTheirData) {
  const std::string best = "runs/tables/t/adam/seed-0/checkpoints/best.safetensors";
  const ProcessResult scored = larmor({"eval", best});
  EXPECT_EQ(scored.exit_code, 2);
  EXPECT_EQ(scored.err,
            "eval: " + best + " does not tell on which data; give --data FOLDER, and with --recipe FILE how they are split and prepared\n");
}

/// The training of the first data would be scored on its own patients.
TEST_F(ReproduceEnd, ARunIsNotScoredOnOtherDataThatHoldItsPatients) {
  const ProcessResult scored = larmor({"eval", "runs/tables/t/adam/seed-0", "--data", "phantom4", "--no-save"});
  EXPECT_EQ(scored.exit_code, 3) << scored.out;
  EXPECT_NE(scored.err.find(" was used to train runs/tables/t/adam/seed-0/checkpoints/best.safetensors; score it on "), std::string::npos)
      << scored.err;
}

TEST_F(ReproduceEnd, ProcessesSideBySideGiveTheSameTable) {
  const ProcessResult beside =
      larmor({"reproduce", "t.yaml", "--data", "phantom3", "--seeds", "1", "--threads", "1", "--jobs", "2", "--runs", "beside"});
  ASSERT_EQ(beside.exit_code, 0) << beside.err;
  EXPECT_NE(beside.out.find("2 runs (2 new)"), std::string::npos) << beside.out;
  EXPECT_NE(beside.err.find("   2/2  "), std::string::npos) << beside.err;
  EXPECT_TRUE(fs::exists(folder_ / "beside/tables/t/logs/sgd_seed-0.log"));
  EXPECT_EQ(read_file(folder_ / "beside/tables/t/table.csv"), read_file(folder_ / "runs/tables/t/table.csv"));
}

TEST_F(ReproduceEnd, AnInterruptStopsEveryProcessAndTheSameCommandGoesOn) {
  std::vector<std::string> words{"reproduce", "t.yaml", "--data", "phantom3", "--seeds", "1",       "--threads",
                                 "1",         "--jobs", "2",      "--runs",   "stopped", "--quiet", "train.epochs=400"};
  bool is_sent = false;
  const auto stop_when_both_run = [&](pid_t process) {
    const fs::path folder = folder_ / "stopped/tables/t";
    if (is_sent || !fs::exists(folder / "adam/seed-0/checkpoints/last.safetensors") ||
        !fs::exists(folder / "sgd/seed-0/checkpoints/last.safetensors")) {
      return;
    }
    is_sent = ::kill(process, SIGINT) == 0;
  };
  const ProcessResult stopped = run_larmor(words, folder_, stop_when_both_run);
  EXPECT_TRUE(is_sent);
  EXPECT_EQ(stopped.exit_code, 1);
  EXPECT_NE(stopped.err.find("stopped; the same command goes on: larmor reproduce t.yaml train.epochs=400 --seeds 1 --runs stopped --data "
                             "phantom3 --jobs 2\n"),
            std::string::npos)
      << stopped.err;
  words.insert(words.end(), "--dry-run");
  const ProcessResult plan = larmor(words);
  EXPECT_NE(plan.out.find("sgd, seed 0    to resume"), std::string::npos) << plan.out;
  EXPECT_NE(plan.out.find("(from runs of this table)"), std::string::npos) << "runs that were stopped tell seconds too: " << plan.out;
}

TEST_F(ReproduceEnd, FoldsAndFurtherEvaluationsOfTheSameRuns) {
  std::ofstream(folder_ / "folds.yaml")
      << "recipe: a.yaml\nfolds: 3\nrows:\n  - {name: adam}\n  - {name: adam TTA1, runs: adam, tta: tta1}\n";
  const std::vector<std::string> words{"reproduce", "folds.yaml", "--data", "phantom3", "--seeds", "1", "--threads", "1", "--quiet"};
  std::vector<std::string> one = words, dry = words;
  one.insert(one.end(), {"--only", "adam/seed-0/fold-2"});
  const ProcessResult alone = larmor(one);
  EXPECT_EQ(alone.exit_code, 0) << alone.err;
  EXPECT_EQ(alone.out, "2 evaluations new, 0 missing\n");
  dry.emplace_back("--dry-run");
  const ProcessResult plan = larmor(dry);
  EXPECT_NE(plan.out.find("adam, seed 0, fold 1   to train "), std::string::npos) << plan.out;
  EXPECT_NE(plan.out.find("adam, seed 0, fold 2   done "), std::string::npos) << plan.out;
  EXPECT_NE(plan.out.find(" for 2 runs one after another; about "), std::string::npos) << plan.out;
  EXPECT_NE(plan.out.find("(from runs of this table)"), std::string::npos) << plan.out;
  const ProcessResult all = larmor(words);
  EXPECT_EQ(all.exit_code, 0) << all.err;
  EXPECT_NE(all.out.find("6 runs (4 new)"), std::string::npos) << all.out;
  EXPECT_NE(all.out.find("validation side, 3 patients"), std::string::npos) << all.out;
  const nlohmann::json tta =
      nlohmann::json::parse(read_file(folder_ / "runs/tables/folds/adam-tta1/seed-0/fold-1/validation/evaluation.json"));
  EXPECT_EQ(tta["evaluations"][0]["tta"], "tta1");
}

TEST_F(ReproduceEnd, FoldsOfTheCommandLineArePlannedAndTrained) {
  std::ofstream(folder_ / "folds5.yaml") << "recipe: a.yaml\nfolds: 5\nrows:\n  - {name: adam}\n";
  const ProcessResult all = larmor({"reproduce", "folds5.yaml", "--data", "phantom3", "--seeds", "1", "--threads", "1", "--quiet", "--runs",
                                    "fewer", "data.split.folds=2"});
  EXPECT_EQ(all.exit_code, 0) << all.err;
  EXPECT_NE(all.out.find("2 runs (2 new)"), std::string::npos) << all.out;
  EXPECT_NE(all.out.find("validation side, 3 patients"), std::string::npos) << all.out;
  EXPECT_NE(all.out.find("\nOverridden in every row, whatever is said below: data.split.folds=2.\n"), std::string::npos) << all.out;
  EXPECT_FALSE(fs::exists(folder_ / "fewer/tables/folds5/adam/seed-0/fold-2"));
}

TEST_F(ReproduceEnd, AnEstimateWithoutFinishedRunsIsMeasured) {
  const ProcessResult plan =
      larmor({"reproduce", "t.yaml", "--data", "phantom3", "--seeds", "1", "--threads", "1", "--runs", "none", "--jobs", "2", "--dry-run"});
  EXPECT_EQ(plan.exit_code, 0) << plan.err;
  EXPECT_NE(plan.out.find(" of training for 2 runs one after another, at best "), std::string::npos) << plan.out;
  EXPECT_NE(plan.out.find("(from one measured step of 1 network; rough)"), std::string::npos) << plan.out;
  EXPECT_FALSE(fs::exists(folder_ / "none"));
}

}  // namespace
}  // namespace larmor::testing
