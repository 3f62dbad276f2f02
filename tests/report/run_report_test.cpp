#include "report/run_report.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "core/files.h"
#include "tests/report/support.h"
#include "tests/support/golden.h"

namespace larmor::report {
namespace {

namespace fs = std::filesystem;
using testing::contains;
using testing::FakeRun;
using testing::write_fake_run;
using testing::write_text;

class RunReportTest : public ::testing::Test {
 protected:
  void write(const FakeRun& run) {
    write_fake_run(folder_, run);
    report();
  }
  void report() {
    write_run_report(folder_);
    html_ = read_file(folder_ / "report.html");
    markdown_ = read_file(folder_ / "report.md");
  }
  void expect_both(const std::string& text) {
    EXPECT_TRUE(contains(html_, text)) << text << " is not in report.html";
    EXPECT_TRUE(contains(markdown_, text)) << text << " is not in report.md";
  }

  const fs::path folder_ = larmor::testing::make_temporary_folder("report") / "made-up" / "seed-4";
  std::string html_, markdown_;
};

TEST_F(RunReportTest, TellsWhatTheRunIs) {
  write({});
  for (const char* text :
       {"made-up · seed 4", "0.700", "95 % bootstrap interval over patients", "P_1", "P_2", "P_3", "0.900", "0.500", "0123abcd",
        "larmor 0.1.0, libtorch 2.11.0", "larmor train configs/made_up.yaml --seed 4", "1:01", "2.0 %", "1000 parameters, 900 used"}) {
    expect_both(text);
  }
  EXPECT_FALSE(contains(html_, "PHANTOM"));
  EXPECT_TRUE(contains(html_, "0.700 [0.600, 0.800]"));
  EXPECT_TRUE(contains(html_, "chosen on these same patients"));
}

TEST_F(RunReportTest, SaysThatPreparedSlicesWereScored) {
  write({.preprocess = "buda"});
  expect_both("Scored: slices as prepared by data.preprocess.kind buda, not at the source");
  write({});
  EXPECT_FALSE(contains(html_, "Scored: "));
}

TEST_F(RunReportTest, StatesTheRuleOfEachAggregate) {
  write({});
  for (const char* rule : {"mean over patients, each pooled over its slices", "all pixels of all slices pooled",
                           "mean over all slices; neither lesion nor prediction counts as 1"}) {
    expect_both(rule);
  }
}

TEST_F(RunReportTest, MarksWhatDiffersFromTheDefaults) {
  write({});
  EXPECT_TRUE(contains(markdown_, "| optim.name | **ranger** | *adam* |"));
  EXPECT_TRUE(contains(markdown_, "| optim.lr | **0.002** | *0.001* |"));
  EXPECT_TRUE(contains(markdown_, "| data.size | **64** | *256* |"));
  EXPECT_FALSE(contains(markdown_, "| data.source | **"));
  EXPECT_TRUE(contains(markdown_, "| data.source | lgg |"));
}

TEST_F(RunReportTest, PhantomRunsSaySoOnTopAndAtEveryTable) {
  write({.is_phantom = true});
  expect_both("PHANTOM DATA: synthetic pictures, no patients.");
  const std::string mark = "Phantom data.";
  size_t marks = 0;
  for (size_t at = markdown_.find(mark); at != std::string::npos; at = markdown_.find(mark, at + 1)) ++marks;
  EXPECT_GE(marks, 5u);  // headline, epochs, results, patients, origin
  EXPECT_TRUE(contains(markdown_, "(phantom)"));
}

TEST_F(RunReportTest, SkippedStepsAreToldOnTop) {
  const std::string told = "Skipped steps: in 4 of 45 steps the loss or a gradient was not finite (epoch 2).";
  write({.skipped_steps = 4});
  expect_both(told);
  EXPECT_TRUE(contains(markdown_, "| 3.5 | 0 |"));
  EXPECT_TRUE(contains(markdown_, "**4 of 15**"));
  write({});
  EXPECT_FALSE(contains(markdown_, "Skipped steps:"));
  write_text(folder_ / "metrics.csv",
             "epoch,loss,validation_loss,dice_patients,lr,seconds,wait_share,images_per_second\n1,0.5,0.5,1,1,1,0,1\n");
  report();
  EXPECT_TRUE(contains(markdown_, "| 1.0 | – |"));  // a file that does not tell
}

TEST_F(RunReportTest, SecondsThatAreNotKnownAreADash) {
  write({});
  write_text(folder_ / "metrics.csv",
             "epoch,loss,validation_loss,dice_patients,lr,seconds,wait_share,images_per_second\n1,0.5,0.5,1,1,,0,1\n");
  report();
  EXPECT_TRUE(contains(markdown_, "| – | 0.0 % |"));
  EXPECT_FALSE(contains(markdown_, "nan"));
}

TEST_F(RunReportTest, ShowsOverlaysInThePage) {
  write({});
  EXPECT_TRUE(contains(html_, "src=\"data:image/png;base64,iVBORw0KGgo"));
  EXPECT_TRUE(contains(markdown_, "](<overlays/best_7.png>)"));
  expect_both("the picture overlays/gone.png is missing.");
  EXPECT_TRUE(contains(markdown_, "white: truth, orange: prediction."));
}

TEST_F(RunReportTest, ReadersAndUncertaintyStandBelowTheNetwork) {
  write({});
  EXPECT_FALSE(contains(markdown_, "Two readers"));
  EXPECT_FALSE(contains(markdown_, "Uncertainty"));
  const std::string file = folder_ / "evaluation.json";
  nlohmann::json json = nlohmann::json::parse(read_file(file));
  json["evaluations"][0]["uncertainty"] = {{"members", 8}, {"ece", 0.125}, {"spearman", -0.5}, {"cases", 3}};
  json["readers"] = {
      {"cases", 2},
      {"volumes", 3},
      {"phantom", true},
      {"metrics",
       {{{"name", "dice"}, {"value", 0.875}, {"low", nullptr}, {"high", nullptr}, {"count", 2}, {"unit", ""}, {"one_empty", 0}},
        {{"name", "hd95"}, {"value", 2.5}, {"low", 1}, {"high", 3}, {"count", 2}, {"unit", "mm"}, {"one_empty", 1}},
        {{"name", "dice.4"}, {"value", 0.5}, {"low", nullptr}, {"high", nullptr}, {"count", 1}, {"unit", ""}, {"one_empty", 0}}}}};
  write_text(file, json.dump());
  report();
  expect_both("Two readers, 2 of the 3 cases scored here");
  expect_both("Phantom readers.");
  EXPECT_TRUE(contains(markdown_, "| Dice | foreground of one reader against the other's | 2 | 0.875 |"));
  EXPECT_TRUE(contains(markdown_, "| HD95 (mm) | 95th percentile of surface distances; one mask empty: 1 | 2 | 2.500 "));
  EXPECT_TRUE(contains(markdown_, "| Dice, label 4 | cases where a reader gives it | 1 | 0.500 |"));
  EXPECT_TRUE(contains(markdown_, "| none | 8 | 0.125 | -0.500 | 3 |"));
}

TEST_F(RunReportTest, MissingPartsSayHowToGetThem) {
  write({.is_finished = false, .is_evaluated = false});
  expect_both("Unfinished");
  expect_both("not evaluated");
  EXPECT_TRUE(contains(html_, "No evaluation.json: `larmor eval " + folder_.string() + "` writes it."));
  fs::remove(folder_ / "metrics.csv");
  fs::remove(folder_ / "recipe.yaml");
  report();
  expect_both("No epoch is complete (metrics.csv).");
  expect_both("No recipe.yaml.");
}

TEST_F(RunReportTest, HostileNamesAreShownNotRun) {
  FakeRun run;
  run.patients = {{"<img src=x onerror=alert(1)>", 0.5}, {"a|b", 0.6}, {"\"&'", 0.7}};
  run.recipe = "description: \"</pre><script>alert(1)</script>\"\nmodel: {name: \"<b>\"}\n";
  write(run);
  for (const char* hostile : {"<img src=x", "<script", "<b></b>", "</pre><"}) EXPECT_FALSE(contains(html_, hostile)) << hostile;
  EXPECT_TRUE(contains(html_, "&lt;img src=x onerror=alert(1)&gt;"));
  EXPECT_TRUE(contains(markdown_, "a\\|b"));
  expect_both("Not a recipe of this version");
}

TEST_F(RunReportTest, SeveralClassesAreToldApart) {
  write_fake_run(folder_, {});
  write_text(folder_ / "cases.csv",
             "tta,patient,slices,slices_positive,class,tp,fp,fn,dice,iou,sensitivity,precision,missed\n"
             "none,P_1,10,4,1,9,1,1,0.9,0.8,0.9,0.9,0\nnone,P_1,10,4,2,0,1,5,0,0,0,0,1\n");
  report();
  expect_both("P_1, class 2");
  expect_both("missed");
}

}  // namespace
}  // namespace larmor::report
