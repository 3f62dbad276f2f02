// The main job on a phantom, by the command line alone: phantom, train, eval with test-time augmentation, predict, convert, report.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "core/csv.h"
#include "core/files.h"
#include "tests/support/golden.h"
#include "tests/support/process.h"

namespace larmor::testing {
namespace {

namespace fs = std::filesystem;

class QuickstartEnd : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = make_temporary_folder("quickstart");
    const ProcessResult made = run_larmor({"phantom", "lgg", "phantom", "--patients", "4", "--slices", "8", "--size", "64"}, folder_);
    ASSERT_EQ(made.exit_code, 0) << made.err;
    std::ofstream(folder_ / "tiny.yaml") << "data:\n  root: phantom\n  split: {kind: kfold, folds: 4}\n  size: 32\n  batch: 4\n"
                                            "optim: {name: radam, lr: 2e-3}\ntrain: {epochs: 2}\n";
    const ProcessResult trained = run_larmor({"train", "tiny.yaml", "--run-dir", "run", "--json"}, folder_);
    ASSERT_EQ(trained.exit_code, 0) << trained.err;
    result_ = nlohmann::json::parse(trained.out);
  }
  /// The value of one aggregate in evaluation.json.
  static double value_of(const nlohmann::json& stored, const std::string& tta, const std::string& metric) {
    for (const auto& evaluation : stored["evaluations"]) {
      if (evaluation["tta"] != tta) continue;
      for (const auto& entry : evaluation["metrics"]) {
        if (entry["name"] == metric) return entry["value"].get<double>();
      }
    }
    return -1;
  }

  static inline fs::path folder_;
  static inline nlohmann::json result_;
};

TEST_F(QuickstartEnd, TrainingLeavesTheFilesOfARun) {
  for (const char* file : {"recipe.yaml", "log.jsonl", "metrics.csv", "checkpoints/last.safetensors", "checkpoints/best.safetensors"}) {
    EXPECT_TRUE(fs::exists(folder_ / "run" / file)) << file;
  }
  EXPECT_TRUE(result_["finished"].get<bool>());
  EXPECT_EQ(result_["epochs_done"], 2);
  EXPECT_EQ(read_csv(folder_ / "run/metrics.csv").rows.size(), 2u);
}

TEST_F(QuickstartEnd, EvaluationOfTheBestWeightsRepeatsTheTrainersValue) {
  const ProcessResult evaluated = run_larmor({"eval", "run", "--tta", "none,tta1,tta2,tta3", "--json"}, folder_);
  ASSERT_EQ(evaluated.exit_code, 0) << evaluated.err;
  EXPECT_NE(evaluated.out.find("dice_patients"), std::string::npos);
  const auto stored = nlohmann::json::parse(read_file(folder_ / "run/evaluation.json"));
  EXPECT_NE(stored.dump().find("tta3"), std::string::npos);
  EXPECT_EQ(value_of(stored, "none", "dice_patients"), result_["best_value"].get<double>());
  const ProcessResult reported = run_larmor({"report", "run"}, folder_);
  ASSERT_EQ(reported.exit_code, 0) << reported.err;
  const std::string html = read_file(folder_ / "run/report.html");
  EXPECT_NE(html.find("phantom"), std::string::npos);
  EXPECT_EQ(html.find("<script src"), std::string::npos);
  EXPECT_TRUE(fs::exists(folder_ / "run/report.md"));
}

TEST_F(QuickstartEnd, ConvertedWeightsPredictTheSame) {
  const std::string best = "run/checkpoints/best.safetensors";
  const ProcessResult exported = run_larmor({"convert", best, "exported"}, folder_);
  ASSERT_EQ(exported.exit_code, 0) << exported.err;
  const fs::path patient = fs::directory_iterator(folder_ / "phantom")->path();
  fs::path input;
  for (const auto& entry : fs::recursive_directory_iterator(folder_ / "phantom")) {
    if (entry.path().extension() == ".tif" && entry.path().string().find("_mask") == std::string::npos) input = entry.path();
  }
  ASSERT_FALSE(input.empty()) << patient;
  for (const auto& [weights, output] : {std::pair{best, std::string("a")}, std::pair{std::string("exported"), std::string("b")}}) {
    const ProcessResult predicted =
        run_larmor({"predict", weights, "--input", input.string(), "--output", output, "--recipe", "run/recipe.yaml"}, folder_);
    ASSERT_EQ(predicted.exit_code, 0) << predicted.err;
  }
  size_t compared = 0;
  for (const auto& entry : fs::recursive_directory_iterator(folder_ / "a")) {
    if (!entry.is_regular_file()) continue;
    EXPECT_EQ(read_file(entry.path()), read_file(folder_ / "b" / fs::relative(entry.path(), folder_ / "a"))) << entry.path();
    ++compared;
  }
  EXPECT_GE(compared, 1u);
}

TEST_F(QuickstartEnd, WeightsGoToSmpAndBackByteForByte) {
  const std::vector<std::pair<std::string, std::string>> ways = {{"run/checkpoints/best.safetensors", "own.safetensors"},
                                                                 {"own.safetensors", "smp"},
                                                                 {"smp", "back.safetensors"},
                                                                 {"back.safetensors", "smp-again"}};
  for (const auto& [from, to] : ways) {
    const ProcessResult converted = run_larmor({"convert", from, to}, folder_);
    ASSERT_EQ(converted.exit_code, 0) << converted.err;
  }
  for (const auto& [one, other] : {std::pair("own.safetensors", "back.safetensors"), std::pair("smp/config.json", "smp-again/config.json"),
                                   std::pair("smp/model.safetensors", "smp-again/model.safetensors")}) {
    EXPECT_TRUE(read_file(folder_ / one) == read_file(folder_ / other)) << other;
  }
}

TEST_F(QuickstartEnd, FastDevRunTakesTwoBatches) {
  const ProcessResult result = run_larmor({"train", "tiny.yaml", "--fast-dev-run", "--json"}, folder_);
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(nlohmann::json::parse(result.out)["epochs_done"], 1);
  EXPECT_TRUE(fs::exists(folder_ / "runs/tiny/fast-dev-run/checkpoints/last.safetensors"));
}

/// A trial run must not cost a finished one.
TEST_F(QuickstartEnd, FastDevRunKeepsTheRunOfTheFolderItIsGiven) {
  const std::string before = read_file(folder_ / "run/checkpoints/best.safetensors");
  const ProcessResult result = run_larmor({"train", "tiny.yaml", "--fast-dev-run", "--run-dir", "run"}, folder_);
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_EQ(result.err, "run: already holds a run; --resume continues it, --overwrite starts again\n");
  EXPECT_TRUE(read_file(folder_ / "run/checkpoints/best.safetensors") == before);
}

}  // namespace
}  // namespace larmor::testing
