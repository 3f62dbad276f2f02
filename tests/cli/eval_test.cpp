#include "cli/eval.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "core/csv.h"
#include "core/error.h"
#include "core/files.h"
#include "eval/agreement.h"
#include "tests/support/golden.h"
#include "tests/support/tiny_run.h"

namespace larmor::cli {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

class EvalSlow : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = larmor::testing::make_temporary_folder("eval");
    larmor::testing::write_tiny_lgg(folder_ / "data", 5, 3, 40);
    larmor::testing::write_tiny_run(folder_ / "run", larmor::testing::tiny_recipe(folder_ / "data"), 1);
  }
  static EvalOptions options_for(std::vector<std::string> weights) {
    EvalOptions options;
    options.weights = std::move(weights);
    return options;
  }
  /// Runs and returns what went to stdout.
  static std::string run(const EvalOptions& options, bool json = false) {
    GlobalOptions global;
    global.quiet = true;
    global.json = json;
    ::testing::internal::CaptureStdout();
    EXPECT_EQ(run_eval(options, global), 0);
    return ::testing::internal::GetCapturedStdout();
  }
  static inline fs::path folder_;
};

TEST_F(EvalSlow, KeepsTheEvaluationInTheRun) {
  EvalOptions options = options_for({(folder_ / "run").string()});
  options.tta = {"none", "tta2"};
  options.csv = (folder_ / "cases-too.csv").string();
  const std::string text = run(options);
  EXPECT_THAT(text, ::testing::HasSubstr("Dice (c) patients"));
  EXPECT_THAT(text, ::testing::HasSubstr("tta tta2, mean of probabilities"));
  const Json stored = Json::parse(read_file(folder_ / "run/evaluation.json"));
  EXPECT_EQ(stored["evaluations"].size(), 2u);
  EXPECT_EQ(stored["data"]["slices"], 6);
  EXPECT_EQ(read_csv(folder_ / "run/cases.csv").rows.size(), 4u);
  EXPECT_EQ(read_csv(folder_ / "run/slices.csv").rows.size(), 12u);
  EXPECT_EQ(read_file(options.csv), read_file(folder_ / "run/cases.csv"));
  for (const Json& overlay : stored["overlays"]) EXPECT_TRUE(fs::exists(folder_ / "run" / overlay["file"].get<std::string>()));
}

TEST_F(EvalSlow, UncertaintyAndReadersStandBelowTheNetwork) {
  larmor::testing::write_tiny_run(folder_ / "unsure", larmor::testing::tiny_recipe(folder_ / "data"), 1);
  eval::Agreement agreement;
  agreement.cases.resize(1);
  agreement.cases[0].name = larmor::testing::tiny_patient(2);
  agreement.cases[0].dice = 0.75;
  agreement.cases[0].unit = "px";
  write_file_atomically(folder_ / "agreement.json", eval::to_json(agreement).dump());
  EvalOptions options = options_for({(folder_ / "unsure").string()});
  options.tta = {"none", "tta2"};
  options.uncertainty = true;
  options.readers = (folder_ / "agreement.json").string();
  const std::string text = run(options);
  EXPECT_THAT(text, ::testing::HasSubstr("  calibration error, 15 bins (ECE) "));
  EXPECT_THAT(text, ::testing::HasSubstr("two readers, 1 of the 2 cases scored here\n"));
  const Json stored = Json::parse(read_file(folder_ / "unsure/evaluation.json"));
  EXPECT_EQ(stored["evaluations"][0]["uncertainty"]["members"], 1);
  EXPECT_EQ(stored["evaluations"][1]["uncertainty"]["members"], 4);
  EXPECT_EQ(stored["readers"]["metrics"][0]["value"], 0.75);
  const CsvTable review = read_csv(folder_ / "unsure/review.csv"), reliability = read_csv(folder_ / "unsure/reliability.csv");
  EXPECT_EQ(review.rows.size(), 4u);
  EXPECT_EQ(review.header.front(), "tta");
  EXPECT_EQ(review.header.back(), "dice");
  EXPECT_EQ(reliability.rows.size(), 30u);
  run(options_for({(folder_ / "unsure").string()}));
  EXPECT_FALSE(fs::exists(folder_ / "unsure/review.csv"));  // of the evaluation before
  EXPECT_FALSE(Json::parse(read_file(folder_ / "unsure/evaluation.json")).contains("readers"));
}

TEST_F(EvalSlow, JsonGoesToStdoutOrToAFile) {
  const std::string weights = (folder_ / "run").string();
  EXPECT_EQ(Json::parse(run(options_for({weights}), true))["format"], "larmor-evaluation/1");
  const std::string file = (folder_ / "out.json").string();
  EXPECT_THAT(run(options_for({weights, file}), true), ::testing::HasSubstr("Dice (c) patients"));
  EXPECT_EQ(Json::parse(read_file(file))["split"], "validation");
}

TEST_F(EvalSlow, OtherFolderOrNone) {
  larmor::testing::write_tiny_run(folder_ / "fresh", larmor::testing::tiny_recipe(folder_ / "data"), 1);
  EvalOptions options = options_for({(folder_ / "fresh").string()});
  options.no_save = true;
  run(options);
  EXPECT_FALSE(fs::exists(folder_ / "fresh/evaluation.json"));
  options.no_save = false;
  options.output = (folder_ / "elsewhere").string();
  run(options);
  EXPECT_FALSE(fs::exists(folder_ / "fresh/evaluation.json"));
  EXPECT_TRUE(fs::exists(folder_ / "elsewhere/evaluation.json"));
}

TEST_F(EvalSlow, MessagesOfErrors) {
  const auto message = [](const EvalOptions& options) -> std::string {
    try {
      run_eval(options, {});
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  };
  EXPECT_EQ(message(options_for({})), "eval: no run or checkpoint given (larmor help eval)");
  EXPECT_EQ(message(options_for({(folder_ / "nothing").string()})), (folder_ / "nothing").string() + ": no such run, checkpoint or folder");
  EvalOptions options = options_for({(folder_ / "run").string()});
  options.tta = {"tta5"};
  EXPECT_EQ(message(options), "unknown test-time augmentation 'tta5'; nearest: 'tta1'");
}

}  // namespace
}  // namespace larmor::cli
