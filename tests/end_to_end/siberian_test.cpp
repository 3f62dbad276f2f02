// Volumes of several sequences by the command line alone: phantom, prepare, inspect, train.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "core/files.h"
#include "imaging/dicom.h"
#include "imaging/io.h"
#include "imaging/seg_nrrd.h"
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

  /// The whole region, and the four classes; trained once.
  static std::string whole() {
    static const ProcessResult trained = train({}, "whole");
    EXPECT_EQ(trained.exit_code, 0) << trained.err;
    return "whole";
  }
  static std::string four() {
    static const ProcessResult trained = train(
        {"data.labels={edema: 1, non_enhancing: 2, enhancing: 3, necrotic: 4}", "model.classes=5", "loss=cross_entropy", "loss_options={}"},
        "four");
    EXPECT_EQ(trained.exit_code, 0) << trained.err;
    return "four";
  }

  /// The same heads as DICOM; folders are named otherwise than the files' PatientID.
  static fs::path scans() {
    static const fs::path made = [] {
      const ProcessResult phantom = run_larmor({"phantom", "siberian", "scans", "--patients", "2", "--voxel-mm", "6", "--shift-mm", "6",
                                                "--angle-deg", "4", "--t2", "--format", "dicom"},
                                               folder_);
      EXPECT_EQ(phantom.exit_code, 0) << phantom.err;
      fs::rename(folder_ / "scans/SBT_PH_0001", folder_ / "scans/case_a");
      fs::rename(folder_ / "scans/SBT_PH_0002", folder_ / "scans/case_b");
      return folder_ / "scans";
    }();
    return made;
  }

  static ProcessResult predict(const std::string& run, const std::string& input, const std::string& output,
                               std::vector<std::string> more = {}) {
    more.insert(more.begin(), {"predict", run, "--input", input, "--output", output});
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
  whole();
  four();
  const ProcessResult nine = train({"data.input=wide", "model.in_channels=9"}, "nine");
  EXPECT_EQ(nine.exit_code, 0) << nine.err;
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

imaging::Image t1ce_of(const fs::path& subject) { return imaging::read_dicom(subject / "series_4"); }

/// A folder of DICOM files sorts itself; the mask lies on T1CE's own grid with the segment's name and colour, and nobody's identity.
TEST_F(SiberianEnd, PredictsADicomFolder) {
  const ProcessResult predicted =
      predict(whole(), scans() / "case_a", "one", {"--threshold", "0", "--json", "--tta", "tta1", "--uncertainty"});
  ASSERT_EQ(predicted.exit_code, 0) << predicted.err;
  EXPECT_EQ(json::parse(predicted.out)["cases"][0]["files"].size(), 6u);
  EXPECT_NE(predicted.err.find("case_a: PatientID may identify a person; take it out of the files before they are passed on\n"),
            std::string::npos)
      << predicted.err;
  const fs::path file = folder_ / "one/case_a/case_a.seg.nrrd";
  const imaging::Segmentation read = imaging::read_seg_nrrd(file);
  ASSERT_EQ(read.segments.size(), 1u);
  EXPECT_EQ(read.segments[0].name, "tumour");
  EXPECT_NEAR(read.segments[0].colour[1], 97 / 255.0, 1e-9);
  const imaging::Image scan = t1ce_of(scans() / "case_a");
  ASSERT_EQ(read.labels.size, scan.size);
  EXPECT_EQ(read.labels.geometry, scan.geometry);
  // At threshold 0 all of the prepared grid is inside: the head, and no more than it.
  const std::array<int64_t, 6> whole_grid{0, scan.size[0] - 1, 0, scan.size[1] - 1, 0, scan.size[2] - 1};
  EXPECT_GT(read.segments[0].extent[1] - read.segments[0].extent[0], 30);
  EXPECT_NE(read.segments[0].extent, whole_grid);

  const json study = json::parse(read_file(folder_ / "one/case_a/study.json"));
  EXPECT_EQ(study["sequences"]["T1"]["series"], 2);
  EXPECT_EQ(study["sequences"]["T1CE"]["series"], 4);
  EXPECT_EQ(study["sequences"]["FLAIR"]["description"], "t2_tirm_tra_dark-fluid");
  EXPECT_EQ(study["unused_series"], json::array({"1 't2_tse_tra'"}));
  EXPECT_EQ(study["identity_tags"], json::array({"PatientID"}));
  EXPECT_TRUE(study["preparation"]["is_recorded"].get<bool>());
  EXPECT_EQ(study["preparation"]["parameters"]["size"], 40) << "as the training volumes were prepared, not data.size";
  EXPECT_EQ(study["preparation"]["parameters"]["registration_points"], 4000);
  EXPECT_TRUE(study["registration"].contains("FLAIR"));
  EXPECT_GT(study["segments"][0]["volume_ml"].get<double>(), 100);
  for (const auto& entry : fs::directory_iterator(folder_ / "one/case_a"))
    EXPECT_EQ(read_file(entry.path()).find("SBT_PH_0001"), std::string::npos) << entry.path() << " holds a patient's ID";
  for (const char* map : {"_prob", "_uncertainty", "_mutual_information"}) {
    const imaging::Image image = imaging::read_image(folder_ / "one/case_a" / (std::string("case_a") + map + ".nii.gz"));
    EXPECT_EQ(image.size, scan.size) << map;
    EXPECT_EQ(image.type, imaging::PixelType::f32);
  }
  EXPECT_TRUE(fs::exists(folder_ / "one/review.csv"));
}

/// Files named by sequence give what the same scans as DICOM give, and the masks are the probabilities' on the same grid.
TEST_F(SiberianEnd, PredictsAFolderOfSubjects) {
  const ProcessResult set = predict(whole(), "volumes", "set", {"--json", "--quiet", "--exclude", "SBT_PH_0003"});
  ASSERT_EQ(set.exit_code, 0) << set.err;
  EXPECT_EQ(set.err, "");
  EXPECT_EQ(json::parse(set.out)["cases"].size(), 2u);
  const ProcessResult scanned = predict(whole(), scans(), "scanned", {"--quiet"});
  ASSERT_EQ(scanned.exit_code, 0) << scanned.err;
  const imaging::Image a = imaging::read_image(folder_ / "set/SBT_PH_0001/SBT_PH_0001_prob.nii.gz");
  const imaging::Image b = imaging::read_image(folder_ / "scanned/case_a/case_a_prob.nii.gz");
  const imaging::Image mask = imaging::read_seg_nrrd(folder_ / "set/SBT_PH_0001/SBT_PH_0001.seg.nrrd").labels;
  ASSERT_EQ(a.size, b.size);
  double most = 0;
  int64_t inside = 0, differing = 0;
  for (int64_t i = 0; i < a.voxels(); ++i) {
    most = std::max(most, std::abs(static_cast<double>(a.data<float>()[i] - b.data<float>()[i])));
    inside += a.data<float>()[i] > 0;
    differing += (a.data<float>()[i] >= 0.5F) != (mask.data<uint8_t>()[i] == 1);
  }
  EXPECT_GT(inside, 10000);
  EXPECT_LT(most, 0.02);
  EXPECT_EQ(differing, 0) << "T1CE's own voxels are kept, so nothing lies between them";
  const json study = json::parse(read_file(folder_ / "set/SBT_PH_0002/study.json"));
  EXPECT_EQ(study["metadata"]["tumour_type"], "neurinoma");
  EXPECT_EQ(study["sequences"]["FLAIR"]["file"], "FLAIR.nii.gz");
}

TEST_F(SiberianEnd, FourClassesHaveTheColoursOfTheSlides) {
  const ProcessResult predicted = predict(four(), scans() / "case_b", "classes", {"--quiet"});
  ASSERT_EQ(predicted.exit_code, 0) << predicted.err;
  const imaging::Segmentation read = imaging::read_seg_nrrd(folder_ / "classes/case_b/case_b.seg.nrrd");
  using Rgb = std::array<double, 3>;
  const std::vector<std::pair<std::string, Rgb>> expected{
      {"edema", {1, 1, 0}}, {"non_enhancing", {0, 0, 1}}, {"enhancing", {1, 0, 0}}, {"necrotic", {0, 1, 0}}};
  ASSERT_EQ(read.segments.size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(read.segments[i].name, expected[i].first);
    EXPECT_EQ(read.segments[i].colour, expected[i].second);
    EXPECT_EQ(read.segments[i].label_value, static_cast<int64_t>(i) + 1);
  }
  EXPECT_EQ(read.labels.geometry, t1ce_of(scans() / "case_b").geometry);
  const imaging::Image probabilities = imaging::read_image(folder_ / "classes/case_b/case_b_prob.nii.gz");
  ASSERT_EQ(probabilities.channels, 5);
  for (int64_t i = 0; i < probabilities.voxels(); ++i) {
    const float* p = probabilities.data<float>() + 5 * i;
    ASSERT_NEAR(p[0] + p[1] + p[2] + p[3] + p[4], 1, 1e-4) << "background where the prepared grid does not reach";
  }
}

/// A registration that fails leaves its subject out and the others go on.
TEST_F(SiberianEnd, ASubjectThatCannotBeRegisteredIsTold) {
  fs::copy(folder_ / "volumes", folder_ / "noisy", fs::copy_options::recursive);
  const fs::path file = folder_ / "noisy/SBT_PH_0002/FLAIR.nii.gz";
  imaging::Image flair = imaging::read_image(file);
  for (int64_t i = 0; i < flair.voxels(); ++i) flair.data<int16_t>()[i] = static_cast<int16_t>((i * 7919) % 1000);
  imaging::write_image(file, flair);
  const ProcessResult predicted = predict(whole(), "noisy", "partly", {"--exclude", "SBT_PH_0003"});
  EXPECT_EQ(predicted.exit_code, 0) << predicted.err;
  EXPECT_NE(predicted.err.find("SBT_PH_0002  EXCLUDED: registration of FLAIR failed: "), std::string::npos) << predicted.err;
  EXPECT_NE(predicted.out.find("1 case, "), std::string::npos) << predicted.out;
  EXPECT_NE(predicted.out.find("1 EXCLUDED"), std::string::npos) << predicted.out;
  EXPECT_TRUE(fs::exists(folder_ / "partly/SBT_PH_0001/study.json"));
  EXPECT_FALSE(fs::exists(folder_ / "partly/SBT_PH_0002"));
  const ProcessResult none = predict(whole(), "noisy/SBT_PH_0002", "none", {"--quiet"});
  EXPECT_EQ(none.exit_code, 3);
  EXPECT_TRUE(none.err.starts_with("   1/1  SBT_PH_0002  EXCLUDED: registration of FLAIR failed: ")) << "even with --quiet: " << none.err;
  EXPECT_NE(none.err.find("\nevery subject is excluded; the first is SBT_PH_0002: registration of FLAIR failed: "), std::string::npos)
      << none.err;
}

TEST_F(SiberianEnd, BadSubjectsAreOneLine) {
  const auto expect = [](const ProcessResult& result, int code, const std::string& message) {
    EXPECT_EQ(result.exit_code, code);
    EXPECT_EQ(result.err, message + "\n");
  };
  expect(predict(whole(), "volumes/SBT_PH_0001/T1.nii.gz", "bad"), 2,
         "--input: volumes/SBT_PH_0001/T1.nii.gz: is no folder; the network was trained on volumes of several sequences (data.source "
         "siberian): give a subject's folder, or a folder of subjects");
  expect(predict(whole(), "volumes", "volumes/out"), 2,
         "--output: volumes/out is in the input's folder; choose another, source data is never written to");
  expect(predict(whole(), "volumes/SBT_PH_0001", "volumes"), 2,
         "--output: volumes is in the input's folder; choose another, source data is never written to");
  fs::copy(folder_ / "volumes", folder_ / "lacking", fs::copy_options::recursive);
  fs::remove(folder_ / "lacking/SBT_PH_0001/T1.nii.gz");
  expect(predict(whole(), "lacking/SBT_PH_0001", "bad"), 3, "SBT_PH_0001: has no T1; found: FLAIR, T1CE");
  expect(predict(whole(), "lacking", "bad"), 3,
         "SBT_PH_0001: has no T1; found: FLAIR, T1CE; mend it or leave the subject out with --exclude SBT_PH_0001");
  fs::copy(scans(), folder_ / "mixed", fs::copy_options::recursive);
  fs::remove_all(folder_ / "mixed/case_a/series_3");
  fs::copy(scans() / "case_b/series_3", folder_ / "mixed/case_a/series_3", fs::copy_options::recursive);
  expect(
      predict(whole(), "mixed/case_a", "bad"), 3,
      "case_a: case_a/series_1/0001.dcm is of patient 'SBT_PH_0001' and case_a/series_3/0001.dcm of patient 'SBT_PH_0002'; put each into "
      "its own folder");
  EXPECT_FALSE(fs::exists(folder_ / "bad"));
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
