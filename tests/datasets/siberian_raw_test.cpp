#include "datasets/siberian_raw.h"

#include <gtest/gtest.h>

#include <fstream>

#include "core/files.h"
#include "imaging/dicom_write.h"
#include "tests/datasets/siberian_folder.h"
#include "tests/support/errors.h"

namespace larmor::datasets {
namespace {

using imaging::Image;
using imaging::PixelType;
using larmor::testing::data_error;
using larmor::testing::make_temporary_folder;
namespace fs = std::filesystem;

/// Finding looks at names only, so any bytes do.
void touch(const fs::path& file, const std::string& content = "x") {
  make_folder(file.parent_path());
  std::ofstream(file, std::ios::binary) << content;
}

void touch_subject(const fs::path& root, const std::string& subject, const std::string& prefix = "") {
  for (const std::string sequence : {"T1", "T1CE", "FLAIR", "label"}) touch(root / subject / (prefix + sequence + ".nii.gz"));
}

RawSet find(const fs::path& root) { return find_siberian({.root = root.string()}); }

std::string error_of(const fs::path& root) {
  return data_error([&] { find(root); });
}

TEST(SiberianRaw, FindsFoldersOfSubjects) {
  const fs::path root = make_temporary_folder("raw");
  touch_subject(root, "S02", "S02_");
  touch_subject(root, "S01");
  touch(root / "S01" / "T2.nii.gz");
  touch(root / "S01" / "notes.nii");
  touch(root / "S01" / "FLAIR.tfm");
  make_folder(root / "reports");
  touch(root / "subjects.csv", "subject,tumor_type,age\nS01,meningioma,50\n");
  const RawSet set = find(root);
  ASSERT_EQ(set.subjects.size(), 2u);
  EXPECT_EQ(set.subjects[0].subject, "S01");
  EXPECT_EQ(set.subjects[0].sequences.size(), 3u) << "T2 is not asked for";
  EXPECT_EQ(set.subjects[0].sequences.at("T1CE").file, "S01/T1CE.nii.gz");
  EXPECT_EQ(set.subjects[1].label.file, "S02/S02_label.nii.gz");
  EXPECT_EQ(set.subjects[0].metadata, (std::map<std::string, std::string>{{"tumour_type", "meningioma"}, {"age", "50"}}));
  EXPECT_EQ(set.labels, (std::map<std::string, int64_t>{{"edema", 1}, {"non_enhancing", 2}, {"enhancing", 3}, {"necrotic", 4}}));
  EXPECT_FALSE(set.is_phantom);
  std::vector<std::string> findings;
  for (const Finding& finding : set.findings) findings.push_back(finding.file + ": " + finding.message);
  EXPECT_EQ(findings, (std::vector<std::string>{"S01/notes.nii: is named after no sequence; it is not used",
                                                "reports: holds no volume; it is not used", "S02: has no row in the table of subjects"}));
}

TEST(SiberianRaw, FindsSeriesByTheProtocol) {
  const fs::path root = make_temporary_folder("raw");
  write_siberian_phantom(root, {.subjects = 1, .voxel_mm = 6, .has_t2 = true, .format = "dicom", .threads = 1});
  const RawSet set = find(root);
  ASSERT_EQ(set.subjects.size(), 1u);
  EXPECT_TRUE(set.is_phantom);
  const auto& sequences = set.subjects[0].sequences;
  EXPECT_EQ(sequences.at("T1").series->number, 2);
  EXPECT_EQ(sequences.at("FLAIR").series->number, 3);
  EXPECT_EQ(sequences.at("T1CE").series->number, 4);
  EXPECT_EQ(read_raw(sequences.at("T1CE")).size, (std::array<int64_t, 3>{43, 43, 28}));
}

void write_cases(const fs::path& root) {
  touch(root / "dataset.json",
        R"({"channel_names": {"0": "T1", "1": "T1-CE", "2": "T2", "3": "FLAIR"},
            "labels": {"background": 0, "necrotic": 1, "edema": 2, "enhancing": 3, "whole": [1, 2, 3]}, "file_ending": ".nii.gz"})");
  for (const std::string name : {"SBT-MET-B000730-20180517", "SBT-MET-B000730-20190101", "case_7"}) {
    for (const std::string channel : {"0000", "0001", "0002", "0003"}) touch(root / "imagesTr" / (name + "_" + channel + ".nii.gz"));
    touch(root / "labelsTr" / (name + ".nii.gz"));
  }
}

TEST(SiberianRaw, ReadsTheLayoutOfNnUNet) {
  const fs::path root = make_temporary_folder("raw");
  write_cases(root);
  const RawSet set = find(root);
  ASSERT_EQ(set.subjects.size(), 3u);
  EXPECT_EQ(set.subjects[0].subject, set.subjects[1].subject) << "two sessions of one subject never stand on two sides";
  EXPECT_EQ(set.subjects[0].name(), "SBT-MET-B000730_20180517");
  EXPECT_EQ(set.subjects[2].name(), "case_7");
  EXPECT_EQ(set.subjects[2].sequences.at("FLAIR").file, "imagesTr/case_7_0003.nii.gz");
  EXPECT_EQ(set.labels, (std::map<std::string, int64_t>{{"necrotic", 1}, {"edema", 2}, {"enhancing", 3}}));
  // Version 1 of the layout names both the other way round.
  touch(root / "dataset.json", R"({"modality": {"0": "T1", "1": "T1c", "3": "FLAIR"}, "labels": {"0": "background", "2": "edema"}})");
  EXPECT_EQ(find(root).labels, (std::map<std::string, int64_t>{{"edema", 2}}));
}

RawSet find_for(RawUse use, const fs::path& root, const std::vector<std::string>& sequences = {"T1", "T1CE", "FLAIR"}) {
  return find_siberian({.use = use, .root = root.string(), .sequences = sequences});
}

std::string names_of(const RawSet& set) {
  std::string names;
  for (const RawSubject& subject : set.subjects) names += subject.name() + " ";
  return names;
}

fs::path dicom_folder() {
  fs::path root = make_temporary_folder("raw");
  write_siberian_phantom(root, {.subjects = 2, .voxel_mm = 6, .has_t2 = true, .format = "dicom", .threads = 1});
  return root;
}

/// For prediction the root is a set or one subject's folder, and says itself which.
TEST(SiberianRaw, PredictionTakesASetOrOneSubject) {
  const fs::path root = make_temporary_folder("raw");
  touch_subject(root, "S01");
  touch_subject(root, "S02", "S02_");
  fs::remove(root / "S01/label.nii.gz");
  touch(root / "subjects.csv", "subject,tumor_type\nS01,meningioma\n");
  const RawSet set = find_for(RawUse::prediction, root);
  EXPECT_EQ(names_of(set), "S01 S02 ");
  EXPECT_TRUE(set.findings.empty()) << set.findings[0].message;
  const RawSet one = find_for(RawUse::prediction, root / "S01/");
  EXPECT_EQ(names_of(one), "S01 ");
  EXPECT_EQ(one.root, root);
  EXPECT_EQ(one.subjects[0].metadata.at("tumour_type"), "meningioma") << "the table lies in the set's folder";

  const fs::path scans = dicom_folder();
  EXPECT_EQ(names_of(find_for(RawUse::prediction, scans)), "SBT_PH_0001 SBT_PH_0002 ");
  for (const std::vector<std::string>& sequences : {std::vector<std::string>{"T1", "T1CE", "FLAIR"}, {"T1CE"}}) {
    EXPECT_EQ(names_of(find_for(RawUse::prediction, scans / "SBT_PH_0002", sequences)), "SBT_PH_0002 ") << sequences.size();
  }
  EXPECT_EQ(names_of(find_for(RawUse::prediction, scans, {"T1CE"})), "SBT_PH_0001 SBT_PH_0002 ");
  // Any structure: all series in one folder, as disks from a hospital have them, and studies on top.
  for (const auto& file : fs::recursive_directory_iterator(scans / "SBT_PH_0001")) {
    if (file.path().extension() == ".dcm")
      fs::rename(file.path(), scans / "SBT_PH_0001" / (file.path().parent_path().filename().string() + file.path().filename().string()));
  }
  EXPECT_EQ(names_of(find_for(RawUse::prediction, scans / "SBT_PH_0001")), "SBT_PH_0001 ");
}

TEST(SiberianRaw, PredictionTellsWhatWasNotUsedAndWhoMayBeKnown) {
  const RawSet set = find_for(RawUse::prediction, dicom_folder() / "SBT_PH_0001");
  ASSERT_EQ(set.subjects.size(), 1u);
  EXPECT_EQ(set.subjects[0].unused_series, std::vector<std::string>{"1 't2_tse_tra'"});
  EXPECT_EQ(set.subjects[0].identity_tags, std::vector<std::string>{"PatientID"});
  ASSERT_EQ(set.findings.size(), 1u);
  EXPECT_EQ(set.findings[0].file + ": " + set.findings[0].message,
            "SBT_PH_0001: PatientID may identify a person; take it out of the files before they are passed on");
}

TEST(SiberianRaw, PredictionReadsCasesOfNnUNetWithoutLabels) {
  const fs::path root = make_temporary_folder("raw");
  touch(root / "dataset.json", R"({"channel_names": {"0": "T1", "1": "T1-CE", "3": "FLAIR"}})");
  for (const std::string channel : {"0000", "0001", "0003"}) {
    touch(root / "imagesTr" / ("case_1_" + channel + ".nii.gz"));
    touch(root / "imagesTs" / ("case_2_" + channel + ".nii.gz"));
  }
  EXPECT_EQ(names_of(find_for(RawUse::prediction, root)), "case_1 case_2 ");
}

TEST(SiberianRaw, InspectionTellsFaultsAndKeepsEverySequence) {
  const fs::path root = make_temporary_folder("raw");
  touch_subject(root, "S01");
  touch(root / "S01/T2.nii.gz");
  touch_subject(root, "S02");
  fs::remove(root / "S02/FLAIR.nii.gz");
  const RawSet set = find_for(RawUse::inspection, root);
  ASSERT_EQ(set.subjects.size(), 2u);
  EXPECT_EQ(set.subjects[0].sequences.size(), 4u);
  ASSERT_EQ(set.findings.size(), 2u);
  EXPECT_EQ(set.findings[0].message, "has no FLAIR; found: T1, T1CE");
}

TEST(SiberianRaw, KnowsAndRefusesLabels) {
  Image label = Image::make({2, 2, 2}, 1, PixelType::i16);
  label.data<int16_t>()[6] = 3;
  const std::map<std::string, int64_t> labels{{"edema", 1}, {"core", 3}};
  EXPECT_NO_THROW(require_known_labels(label, labels, "a.nii"));
  label.data<int16_t>()[5] = 7;
  EXPECT_EQ(data_error([&] { require_known_labels(label, labels, "a.nii"); }),
            "a.nii: value 7 at voxel 1, 0, 1 is unknown to the label map (1 edema, 3 core); name it with --labels NAME=VALUE,…");
}

TEST(SiberianRawError, FaultsOfSubjects) {
  const auto with = [](const std::function<void(const fs::path&)>& change) {
    const fs::path root = make_temporary_folder("raw");
    touch_subject(root, "S01");
    touch_subject(root, "S02");
    change(root);
    return error_of(root);
  };
  const std::string advice = "; mend it or leave the subject out with --exclude S01";
  EXPECT_EQ(with([](const fs::path& root) { fs::remove(root / "S01/FLAIR.nii.gz"); }),
            "S01: has no FLAIR; found: T1, T1CE, label" + advice);
  EXPECT_EQ(with([](const fs::path& root) {
              fs::remove(root / "S01/label.nii.gz");
              fs::remove(root / "S02/T1.nii.gz");
            }),
            "S01: has no label; found: FLAIR, T1, T1CE" + advice + " (and 1 more subject: S02)");
  EXPECT_EQ(with([](const fs::path& root) { touch(root / "S01/again/T1.nrrd"); }),
            "S01: two volumes are T1: S01/T1.nii.gz and S01/again/T1.nrrd" + advice);
  EXPECT_EQ(with([](const fs::path& root) {
              fs::rename(root / "S01/T1.nii.gz", root / "S01/A_T1.nii.gz");
              fs::rename(root / "S01/FLAIR.nii.gz", root / "S01/B_FLAIR.nii.gz");
            }),
            "S01: S01/A_T1.nii.gz and S01/B_FLAIR.nii.gz are named after different subjects; put each into its own folder" + advice);
  EXPECT_EQ(with([](const fs::path& root) { fs::rename(root / "S01/T1.nii.gz", root / "S01/S02_T1.nii.gz"); }),
            "S01: S01/S02_T1.nii.gz is named after subject S02, which has a folder of its own" + advice);
}

/// One subject's folder needs no advice to leave it out; what is not needed does no harm.
TEST(SiberianRawError, FaultsOfOneSubject) {
  const fs::path root = dicom_folder(), first = root / "SBT_PH_0001";
  const auto error = [&](const std::vector<std::string>& sequences) {
    return data_error([&] { find_for(RawUse::prediction, first, sequences); });
  };
  const auto copy_series = [&](const std::string& number, const std::function<void(imaging::DicomSeries&)>& change) {
    imaging::DicomSeries series = imaging::list_dicom(first / ("series_" + number)).series.at(0);
    const Image volume = imaging::read_dicom_series(series);
    series.uid += ".1";
    series.number += 10;
    change(series);
    imaging::write_dicom_series(first / ("series_1" + number), volume, series);
  };
  fs::rename(first / "series_3", root / "series_3");
  EXPECT_EQ(error({"T1", "T1CE", "FLAIR"}), "SBT_PH_0001: has no FLAIR; found: T1, T1CE, T2");
  EXPECT_EQ(error({"T1", "T1CE"}), "<no error>");
  fs::rename(root / "series_3", first / "series_3");
  copy_series("1", [](auto&) {});
  EXPECT_EQ(error({"T1", "T1CE", "FLAIR"}), "<no error>") << "two series could be T2, which is not needed";
  EXPECT_EQ(error({"T1", "T1CE", "T2"}), "SBT_PH_0001: 2 series could be T2: 1 't2_tse_tra', 11 't2_tse_tra'");
  copy_series("2", [](auto&) {});
  EXPECT_EQ(error({"T1", "T1CE"}), "SBT_PH_0001: 2 series could be T1: 2 't1_vibe_tra_iso_hires', 12 't1_vibe_tra_iso_hires'");
  EXPECT_EQ(error({"T1CE"}), "<no error>") << "the contrast agent tells it";
  fs::remove_all(first / "series_12");
  fs::remove_all(first / "series_3");
  fs::rename(root / "SBT_PH_0002/series_3", first / "series_3");
  EXPECT_EQ(error({"T1", "T1CE", "FLAIR"}),
            "SBT_PH_0001: SBT_PH_0001/series_1/0001.dcm is of patient 'SBT_PH_0001' and SBT_PH_0001/series_3/0001.dcm of patient "
            "'SBT_PH_0002'; put each into its own folder");
}

TEST(SiberianRawError, SeriesOfDifferentPatients) {
  const fs::path root = make_temporary_folder("raw");
  write_siberian_phantom(root, {.subjects = 2, .voxel_mm = 6, .format = "dicom", .threads = 1});
  fs::remove_all(root / "SBT_PH_0001/series_3");
  fs::rename(root / "SBT_PH_0002/series_3", root / "SBT_PH_0001/series_3");
  EXPECT_EQ(error_of(root),
            "SBT_PH_0001: SBT_PH_0001/series_2/0001.dcm is of patient 'SBT_PH_0001' and SBT_PH_0001/series_3/0001.dcm of patient "
            "'SBT_PH_0002'; put each into its own folder; mend it "
            "or leave the subject out with --exclude SBT_PH_0001 (and 1 more subject: SBT_PH_0002)");
}

TEST(SiberianRawError, FaultsOfTheSet) {
  const fs::path root = make_temporary_folder("raw");
  EXPECT_EQ(error_of(root / "x"), (root / "x").string() + ": no such folder");
  EXPECT_EQ(error_of(root),
            root.string() +
                ": holds no subject; each is a folder with volumes named by sequence (T1, T1CE, FLAIR, label), or a case of an "
                "nnU-Net folder with dataset.json");
  const std::string file = (root / "dataset.json").string();
  const auto described = [&](const std::string& text) {
    touch(root / "dataset.json", text);
    return error_of(root);
  };
  EXPECT_EQ(described("[]"), file + ": is no JSON object");
  EXPECT_EQ(described("{}"), file + ": names no channels; it needs channel_names, e.g. {\"0\": \"T1\"}");
  EXPECT_EQ(described(R"({"channel_names": {"a": "T1"}})"), file + ": channel_names must map numbers to names");
  EXPECT_EQ(described(R"({"channel_names": {"0": "T1"}})"), file + ": names no labels");
  EXPECT_EQ(described(R"({"channel_names": {"0": "T1"}, "labels": {"a": 300}})"), file + ": label 'a' is 300; must be in [0, 255]");
  EXPECT_EQ(described(R"({"channel_names": {"0": "T1"}, "labels": {"1": "a", "2": "a"}})"), file + ": label 'a' stands twice");
  EXPECT_EQ(described(R"({"channel_names": {"0": "T1"}, "labels": {"a": null}})"), file + ": label 'a' has no number");
  EXPECT_EQ(described(R"({"channel_names": {"0": "T1"}, "labels": {"a": [1, 2]}})"),
            file + ": no label has a value of its own; name them with --labels NAME=VALUE,…");
  EXPECT_EQ(described(R"({"channel_names": {"0": "T1"}, "labels": {"a": 1}})"),
            (root / "imagesTr").string() + ": no such folder; an nnU-Net folder has its images there");
}

TEST(SiberianRawError, VolumesWithoutPlace) {
  const fs::path file = make_temporary_folder("raw") / "T1.nrrd";
  imaging::write_image(file, Image::make({4, 4, 4}, 1, PixelType::u8));
  EXPECT_EQ(data_error([&] {
              read_raw({"T1.nrrd", {file}, std::nullopt});
            }),
            file.string() + ": stores no voxel size; without it volumes cannot be laid over each other");
}

}  // namespace
}  // namespace larmor::datasets
