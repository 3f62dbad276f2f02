// A table by the command line alone: what is missing is run, what is there is counted once, and nothing strange is counted.
#include <gtest/gtest.h>

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
  EXPECT_EQ(evaluation()["evaluations"][0]["metrics"], before["evaluations"][0]["metrics"]);
}

/// The training of the first data would be scored on its own patients.
TEST_F(ReproduceEnd, ARunIsNotScoredOnOtherDataThatHoldItsPatients) {
  const ProcessResult scored = larmor({"eval", "runs/tables/t/adam/seed-0", "--data", "phantom4", "--no-save"});
  EXPECT_EQ(scored.exit_code, 3) << scored.out;
  EXPECT_NE(scored.err.find(" was used to train runs/tables/t/adam/seed-0/checkpoints/best.safetensors; score it on "), std::string::npos)
      << scored.err;
}

}  // namespace
}  // namespace larmor::testing
