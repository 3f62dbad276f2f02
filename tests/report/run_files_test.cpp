#include "report/run_files.h"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "core/files.h"
#include "tests/report/support.h"
#include "tests/support/golden.h"

namespace larmor::report {
namespace {

namespace fs = std::filesystem;
using testing::error_of;
using testing::FakeRun;
using testing::write_fake_run;
using testing::write_text;

class RunFilesTest : public ::testing::Test {
 protected:
  const fs::path folder_ = larmor::testing::make_temporary_folder("run") / "seed-4";
};

TEST_F(RunFilesTest, ReadsAWholeRun) {
  write_fake_run(folder_, {.is_phantom = true});
  const RunFiles run = read_run(folder_);
  ASSERT_TRUE(run.start && run.end && run.evaluation);
  EXPECT_EQ(run.start->command, "larmor train configs/made_up.yaml --seed 4");
  EXPECT_EQ(run.start->versions, "larmor 0.1.0, libtorch 2.11.0");
  EXPECT_EQ(run.start->validation_side, "3 patients, 30 slices (12 with label)");
  EXPECT_TRUE(run.is_phantom());
  EXPECT_TRUE(run.end->is_finished);
  EXPECT_EQ(run.end->best_epoch, 2);
  ASSERT_EQ(run.epochs.size(), 3u);
  EXPECT_EQ(run.epochs[1].metrics.at("dice_patients"), 0.6);
  EXPECT_EQ(run.metric_names, (std::vector<std::string>{"dice_patients", "dice_pooled"}));
  ASSERT_NE(run.evaluation->find("none"), nullptr);
  EXPECT_NEAR(run.evaluation->find("none")->find("dice_patients")->value, 0.7, 1e-12);
  EXPECT_EQ(run.evaluation->find("d4"), nullptr);
  EXPECT_EQ(run.cases.rows.size(), 3u);
  EXPECT_EQ(run.recipe_value("optim.name", "?"), "ranger");
  EXPECT_EQ(run.recipe_value("optim.nothing", "?"), "?");
}

TEST_F(RunFilesTest, ResumedRunsAddUp) {
  write_text(folder_ / "log.jsonl",
             "{\"event\":\"start\",\"seed\":1}\n{\"event\":\"interrupted\",\"wall_seconds\":30,\"wait_share\":0.5}\n"
             "{\"event\":\"resume\",\"seed\":1}\n{\"event\":\"end\",\"wall_seconds\":10,\"wait_share\":0.1,\"best_epoch\":3}\n");
  const RunFiles run = read_run(folder_);
  EXPECT_TRUE(run.end->is_finished);
  EXPECT_EQ(run.end->sessions, 2);
  EXPECT_EQ(run.end->wall_seconds, 40);
  EXPECT_EQ(run.end->wait_seconds, 16);
}

TEST_F(RunFilesTest, AResumedRunThatWasKilledIsUnfinished) {
  write_text(folder_ / "log.jsonl",
             "{\"event\":\"start\"}\n{\"event\":\"end\",\"wall_seconds\":30}\n{\"event\":\"resume\"}\n{\"event\":\"epo");
  EXPECT_FALSE(read_run(folder_).end->is_finished);
}

TEST_F(RunFilesTest, StrangeJsonIsAThinRunNotACrash) {
  write_text(folder_ / "log.jsonl",
             "[1,2]\nnull\n{\"event\":7}\n{\"event\":\"start\",\"data\":[],\"model\":\"x\",\"versions\":{\"a\":{}},\"seed\":1e300,"
             "\"threads\":\"many\"}\n");
  write_text(
      folder_ / "evaluation.json",
      "{\"format\":\"larmor-evaluation/1\",\"data\":5,\"evaluations\":[7,{\"metrics\":[{\"name\":\"dice_patients\",\"value\":null}]}],"
      "\"overlays\":[{\"file\":\"../../../etc/passwd\"}]}");
  const RunFiles run = read_run(folder_);
  EXPECT_EQ(run.start->seed, 0);
  EXPECT_EQ(run.start->threads, 0);
  EXPECT_TRUE(std::isnan(run.evaluation->evaluations[1].find("dice_patients")->value));
  EXPECT_EQ(run.evaluation->overlays[0].file, "passwd");  // never outside overlays/
}

TEST_F(RunFilesTest, MissingPartsAreAbsent) {
  write_text(folder_ / "recipe.yaml", "train: {seed: 1}\n");
  const RunFiles run = read_run(folder_);
  EXPECT_FALSE(run.start || run.end || run.evaluation);
  EXPECT_TRUE(run.epochs.empty());
  EXPECT_TRUE(run.cases.header.empty());
}

class RunFilesError : public RunFilesTest {};

TEST_F(RunFilesError, NamesWhatIsDamaged) {
  EXPECT_EQ(error_of([&] { read_run(folder_); }), folder_.string() + ": no such run folder");
  fs::create_directories(folder_);
  EXPECT_EQ(error_of([&] { read_run(folder_); }), folder_.string() + ": not a run: neither recipe.yaml nor log.jsonl is in it");
  write_fake_run(folder_, {});
  write_text(folder_ / "evaluation.json", "{\"format\": ");
  EXPECT_EQ(error_of([&] { read_run(folder_); }), (folder_ / "evaluation.json").string() + ": not JSON; run `larmor eval` again");
  write_text(folder_ / "evaluation.json", "{\"format\": \"other/7\"}");
  EXPECT_EQ(error_of([&] { read_run(folder_); }),
            (folder_ / "evaluation.json").string() + ": format 'other/7'; must be 'larmor-evaluation/1'");
  write_fake_run(folder_, {});
  write_text(folder_ / "metrics.csv",
             "epoch,loss,validation_loss,dice_patients,lr,seconds,wait_share,images_per_second\n1,0.5,0.5,high,1,1,0,1\n");
  EXPECT_EQ(error_of([&] { read_run(folder_); }), (folder_ / "metrics.csv").string() + ": row 1: dice_patients: 'high' is not a number");
}

/// The weights were trained on after their evaluation: its numbers are not theirs.
TEST_F(RunFilesTest, AnEvaluationOfOtherWeightsIsLeftOut) {
  write_fake_run(folder_, {});
  fs::create_directories(folder_ / "checkpoints");
  write_text(folder_ / "checkpoints/best.safetensors", "weights");
  RunFiles run = read_run(folder_);
  EXPECT_TRUE(run.has_outdated_evaluation);
  EXPECT_FALSE(run.evaluation.has_value());
  EXPECT_TRUE(run.cases.header.empty());

  nlohmann::json json = nlohmann::json::parse(read_file(folder_ / "evaluation.json"));
  json["checksums"] = {checksum_of_file(folder_ / "checkpoints/best.safetensors")};
  write_text(folder_ / "evaluation.json", json.dump());
  run = read_run(folder_);
  EXPECT_FALSE(run.has_outdated_evaluation);
  EXPECT_TRUE(run.evaluation.has_value());
}

}  // namespace
}  // namespace larmor::report
