// Volumes of several sequences by the command line alone: phantom, prepare, inspect, train.
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/files.h"
#include "tests/support/golden.h"
#include "tests/support/process.h"

namespace larmor::testing {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

class SiberianEnd : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = make_temporary_folder("siberian");
    const ProcessResult made = run_larmor(
        {"phantom", "siberian", "volumes", "--patients", "3", "--voxel-mm", "6", "--shift-mm", "6", "--angle-deg", "4"}, folder_);
    ASSERT_EQ(made.exit_code, 0) << made.err;
    const ProcessResult prepared = prepare({});
    ASSERT_EQ(prepared.exit_code, 0) << prepared.err;
    prepared_ = json::parse(prepared.out);
    fs::create_directory_symlink(source_dir() / "configs", folder_ / "configs");
  }

  static ProcessResult prepare(std::vector<std::string> more) {
    more.insert(more.begin(), {"prepare", "siberian", "volumes", "prepared", "--size", "40", "--points", "4000", "--json", "--quiet"});
    return run_larmor(more, folder_);
  }

  static ProcessResult train(std::vector<std::string> more, const std::string& run) {
    more.insert(more.begin(),
                {"train", "configs/siberian/linknet_sx50.yaml", "data.root=prepared", "data.size=32", "data.batch=4", "data.split.folds=3",
                 "data.sampling=uniform", "train.epochs=1", "train.overfit=4", "model.encoder_depth=3", "--run-dir", run, "--quiet"});
    return run_larmor(more, folder_);
  }

  static inline fs::path folder_;
  static inline json prepared_;
};

TEST_F(SiberianEnd, PrepareTellsEverySubject) {
  ASSERT_EQ(prepared_["subjects"].size(), 3u);
  EXPECT_TRUE(prepared_["phantom"].get<bool>());
  for (const json& subject : prepared_["subjects"]) {
    EXPECT_EQ(subject["excluded"], "") << subject["subject"];
    EXPECT_GT(subject["slices_positive"].get<int>(), 0);
  }
  for (const char* file : {"index.json", "registration.csv", "quality.png"}) EXPECT_TRUE(fs::exists(folder_ / "prepared" / file)) << file;
  const ProcessResult again = prepare({});
  EXPECT_TRUE(json::parse(again.out)["subjects"][0]["kept"].get<bool>());
}

TEST_F(SiberianEnd, InspectShowsIt) {
  const ProcessResult inspected = run_larmor({"inspect", "prepared", "--json"}, folder_);
  ASSERT_EQ(inspected.exit_code, 0) << inspected.err;
  const json found = json::parse(inspected.out);
  EXPECT_EQ(found["source"], "siberian");
  EXPECT_TRUE(found["phantom"].get<bool>());
  EXPECT_EQ(found["channels"].size(), 3u);
}

TEST_F(SiberianEnd, TrainsOnThreeAndNineChannelsAndOnFourClasses) {
  const std::vector<std::vector<std::string>> modes{
      {},
      {"data.input=wide", "model.in_channels=9"},
      {"data.labels={edema: 1, non_enhancing: 2, enhancing: 3, necrotic: 4}", "model.classes=5", "loss=cross_entropy", "loss_options={}"}};
  for (size_t i = 0; i < modes.size(); ++i) {
    const ProcessResult trained = train(modes[i], "run" + std::to_string(i));
    EXPECT_EQ(trained.exit_code, 0) << i << ": " << trained.err;
  }
  const ProcessResult predicted = run_larmor(
      {"predict", "run0/checkpoints/best.safetensors", "--input", "volumes/SBT_PH_0001/T1.nii.gz", "--output", "predicted"}, folder_);
  EXPECT_EQ(predicted.exit_code, 2);
  EXPECT_EQ(
      predicted.err,
      "predict: the network was trained on slices that its source (siberian, data.input mix_rgb) puts together, which predict does not "
      "do; larmor eval scores it\n");
  const ProcessResult wrong = train({"data.input=wide"}, "wrong");
  EXPECT_EQ(wrong.exit_code, 2);
  EXPECT_EQ(wrong.err, "model.in_channels: 3 does not fit the data: source 'siberian' gives 9 channels\n");
}

TEST_F(SiberianEnd, TellsTheTumourTypeAndTheLesions) {
  const ProcessResult trained =
      run_larmor({"train", "configs/siberian/tumour_type.yaml", "data.root=prepared", "data.size=32", "data.batch=4", "data.split.folds=3",
                  "data.sampling=uniform", "train.epochs=1", "train.overfit=4", "model.encoder_depth=3", "--run-dir", "types", "--quiet"},
                 folder_);
  ASSERT_EQ(trained.exit_code, 0) << trained.err;
  const ProcessResult scored = run_larmor({"eval", "types", "--tta", "none,hflip", "--json", "--quiet"}, folder_);
  ASSERT_EQ(scored.exit_code, 0) << scored.err;
  const json found = json::parse(scored.out);
  EXPECT_EQ(found["label"], "tumour_type");
  const json& of_first = found["evaluations"][0];
  EXPECT_EQ(of_first["types"]["classes"], (json{"astrocytoma", "glioblastoma", "meningioma", "neurinoma"}));
  int patients = 0;
  for (const json& row : of_first["types"]["confusion"]) {
    for (const json& count : row) patients += count.get<int>();
  }
  EXPECT_EQ(patients, found["data"]["patients"].get<int>());
  const auto has = [&](const std::string& name) {
    return std::any_of(of_first["metrics"].begin(), of_first["metrics"].end(), [&](const json& metric) { return metric["name"] == name; });
  };
  for (const char* name : {"type_accuracy", "type_balanced_accuracy", "slice_auc", "lesion_sensitivity", "case_specificity"}) {
    EXPECT_TRUE(has(name)) << name;
  }
  for (const char* file : {"types.csv", "detections.csv", "cases.csv"}) EXPECT_TRUE(fs::exists(folder_ / "types" / file)) << file;
  const ProcessResult wrong = run_larmor({"train", "configs/siberian/tumour_type.yaml", "data.root=prepared", "model.aux_classes=3",
                                          "data.split.folds=3", "--run-dir", "wrong", "--quiet"},
                                         folder_);
  EXPECT_EQ(wrong.exit_code, 2);
  EXPECT_EQ(wrong.err,
            "model.aux_classes: 3 does not fit task.label_classes; the classification head of tumour_type must have 4 classes\n");
}

TEST_F(SiberianEnd, BadUseIsOneLine) {
  const ProcessResult source = run_larmor({"prepare", "lgg", "volumes", "x"}, folder_);
  EXPECT_EQ(source.exit_code, 2);
  EXPECT_EQ(source.err, "unknown source 'lgg'; allowed: siberian (larmor help prepare)\n");
  const ProcessResult label = prepare({"--labels", "edema"});
  EXPECT_EQ(label.exit_code, 2);
  EXPECT_EQ(label.err, "--labels: 'edema' is not NAME=VALUE, e.g. edema=2\n");
  const ProcessResult none = run_larmor({"prepare", "siberian", "nowhere", "x"}, folder_);
  EXPECT_EQ(none.exit_code, 3);
  EXPECT_EQ(none.err, "nowhere: no such folder\n");
}

}  // namespace
}  // namespace larmor::testing
