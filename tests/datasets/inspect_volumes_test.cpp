#include "datasets/inspect_volumes.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "core/files.h"
#include "tests/datasets/siberian_folder.h"
#include "tests/support/errors.h"

namespace larmor::datasets {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace): names of the fixture
using imaging::Image;
using larmor::testing::data_error;
using larmor::testing::make_temporary_folder;

TEST(InspectVolumes, ListsSequencesGridsAndLabels) {
  const fs::path root = siberian_folder();
  ASSERT_TRUE(holds_volumes(root));
  const VolumeInspection inspection = inspect_volumes(root, 1);
  EXPECT_TRUE(inspection.is_phantom);
  ASSERT_EQ(inspection.subjects.size(), 3u);
  const SubjectVolumes& first = inspection.subjects[0];
  EXPECT_EQ(first.subject, kFirst);
  ASSERT_EQ(first.volumes.size(), 4u);
  EXPECT_EQ(first.volumes[2].name, "T1CE");
  EXPECT_EQ(first.volumes[2].size, (std::array<int64_t, 3>{43, 43, 28}));
  EXPECT_EQ(first.volumes[2].spacing_mm, (std::array<double, 3>{6, 6, 6}));
  EXPECT_EQ(first.volumes[3].name, "label");
  EXPECT_GT(first.volumes[3].voxels.at(1), 0) << "a meningioma has edema";
  EXPECT_FALSE(first.volumes[3].voxels.contains(2));
  EXPECT_TRUE(inspection.findings.empty());
  const std::string text = to_text(inspection);
  EXPECT_TRUE(text.starts_with("volumes · 3 subjects · phantom\nlabels       edema 1, enhancing 3, necrotic 4, non_enhancing 2\n")) << text;
  EXPECT_NE(text.find("SBT_PH_0001                  FLAIR    43 x 43 x 31"), std::string::npos) << text;
  EXPECT_EQ(to_json(inspection).at("subjects").at(0).at("volumes").at(2).at("size"), nlohmann::json({43, 43, 28}));
}

TEST(InspectVolumes, TellsSeriesAndWhoMayBeKnown) {
  const fs::path root = make_temporary_folder("inspect");
  write_siberian_phantom(root / "set", {.subjects = 1, .voxel_mm = 6, .format = "dicom", .threads = 1});
  fs::remove(root / "set" / kFirst / "label.nii.gz");
  ASSERT_TRUE(holds_volumes(root / "set"));
  const VolumeInspection inspection = inspect_volumes(root / "set", 1);
  ASSERT_EQ(inspection.subjects.size(), 1u);
  ASSERT_EQ(inspection.subjects[0].volumes.size(), 3u) << "a label is not needed";
  EXPECT_EQ(inspection.subjects[0].volumes[0].origin, "3 't2_tirm_tra_dark-fluid'");
  ASSERT_EQ(inspection.findings.size(), 1u);
  EXPECT_EQ(inspection.findings[0].message, "PatientID may identify a person; take it out of the files before they are passed on");
}

TEST(InspectVolumes, FaultsAreFindings) {
  const fs::path root = siberian_folder();
  fs::remove(root / kFirst / "FLAIR.nii.gz");
  write_file_atomically(root / kSecond / "T1.nii.gz", "torn");
  Image label = imaging::read_image(root / kThird / "label.nii.gz");
  label.bytes[5] = std::byte{9};
  imaging::write_image(root / kThird / "label.nii.gz", label);
  const VolumeInspection inspection = inspect_volumes(root, 1);
  std::vector<std::string> found;
  for (const Finding& finding : inspection.findings) found.push_back(finding.file + ": " + finding.message.substr(0, 40));
  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(found[0], "SBT_PH_0001: has no FLAIR; found: T1, T1CE");
  EXPECT_NE(inspection.findings[1].message.find("T1.nii.gz"), std::string::npos) << inspection.findings[1].message;
  EXPECT_EQ(found[2], "SBT_PH_0003: SBT_PH_0003/label.nii.gz: value 9 at vox");
  EXPECT_EQ(inspection.subjects[1].volumes[1].size[0], 0) << "it cannot be read";
}

TEST(InspectVolumes, OtherFoldersAreNone) {
  const fs::path root = make_temporary_folder("inspect");
  EXPECT_FALSE(holds_volumes(root));
  EXPECT_FALSE(holds_volumes(root / "none"));
  write_file_atomically(root / "notes.txt", "x");
  EXPECT_FALSE(holds_volumes(root));
  make_folder(root / "P");
  write_file_atomically(root / "P/T1.nii.gz", "x");
  EXPECT_TRUE(holds_volumes(root));
  write_file_atomically(root / "P/P_1.tif", "x");
  EXPECT_FALSE(holds_volumes(root)) << "slices in the layout of the LGG set";
}

TEST(InspectVolumesError, NoSubject) {
  const fs::path root = make_temporary_folder("inspect");
  EXPECT_EQ(data_error([&] { inspect_volumes(root, 1); }),
            root.string() +
                ": holds no subject; each is a folder with volumes named by sequence (T1, T1CE, FLAIR) or with DICOM series, or a "
                "case of an nnU-Net folder with dataset.json");
}

}  // namespace
}  // namespace larmor::datasets
