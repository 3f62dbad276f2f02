#include "datasets/phantom_siberian.h"

#include <gtest/gtest.h>

#include <cmath>
#include <iostream>
#include <map>
#include <set>

#include "core/csv.h"
#include "core/files.h"
#include "imaging/dicom.h"
#include "imaging/io.h"
#include "imaging/registration.h"
#include "imaging/transform.h"
#include "tests/support/errors.h"
#include "tests/support/golden.h"

namespace larmor::datasets {
namespace {

namespace fs = std::filesystem;
using imaging::Image;

fs::path write(const SiberianPhantomOptions& options) {
  const fs::path folder = larmor::testing::make_temporary_folder("siberian");
  write_siberian_phantom(folder, options);
  return folder;
}

std::map<std::string, std::string> contents(const fs::path& folder) {
  std::map<std::string, std::string> files;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) files[fs::relative(entry.path(), folder).string()] = read_file(entry.path());
  }
  return files;
}

std::set<int> classes_of(const Image& label) {
  std::set<int> found;
  for (int64_t i = 0; i < label.voxels(); ++i) found.insert(label.data<uint8_t>()[i]);
  return found;
}

TEST(PhantomSiberian, ASecondReaderLabelsTheSameGrid) {
  const fs::path parent = larmor::testing::make_temporary_folder("siberian");
  SiberianPhantomOptions options{.subjects = 1, .voxel_mm = 6, .types = {"glioblastoma"}};
  const auto alone = contents(write(options));
  options.second_reader = (parent / "second").string();
  write_siberian_phantom(parent / "first", options);
  EXPECT_EQ(contents(parent / "first"), alone);
  const Image first = imaging::read_image(parent / "first/SBT_PH_0001/label.nii.gz"),
              second = imaging::read_image(parent / "second/SBT_PH_0001/label.nii.gz");
  EXPECT_EQ(second.geometry, first.geometry);
  EXPECT_EQ(second.size, first.size);
  EXPECT_NE(second.bytes, first.bytes);
  EXPECT_EQ(classes_of(second), classes_of(first));
  EXPECT_EQ(contents(parent / "second").size(), 2u);
}

TEST(PhantomSiberian, HasTheLayoutAndGridsOfTheSet) {
  const fs::path folder = write({.subjects = 4, .voxel_mm = 6, .has_t2 = true});
  const CsvTable table = read_csv(folder / "subjects.csv");
  ASSERT_EQ(table.rows.size(), 4u);
  EXPECT_EQ(table.header, (std::vector<std::string>{"subject", "tumour_type", "sex", "age"}));
  const std::vector<std::string> types{"meningioma", "neurinoma", "glioblastoma", "astrocytoma"};
  const std::vector<std::set<int>> classes{{0, 1, 3}, {0, 3, 4}, {0, 1, 2, 3, 4}, {0, 1, 2}};  // astrocytomas may enhance a little
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(table.rows[i][1], types[i]);
    const fs::path subject = folder / table.rows[i][0];
    const auto t1ce = imaging::read_header(subject / "T1CE.nii.gz"), flair = imaging::read_header(subject / "FLAIR.nii.gz");
    EXPECT_EQ(t1ce.size, (std::array<int64_t, 3>{43, 43, 28}));
    EXPECT_EQ(imaging::read_header(subject / "T1.nii.gz").geometry, t1ce.geometry);
    EXPECT_NEAR(flair.geometry.spacing_mm[0], 5.4, 1e-6);
    EXPECT_NEAR(imaging::read_header(subject / "T2.nii.gz").geometry.spacing_mm[0], 3.6, 1e-6);
    const Image label = imaging::read_image(subject / "label.nii.gz");
    EXPECT_EQ(label.size, t1ce.size);
    std::set<int> found = classes_of(label);
    if (types[i] == "astrocytoma") found.erase(3);
    for (const int of : found) EXPECT_TRUE(classes[i].contains(of)) << types[i] << " " << of;
    EXPECT_GE(found.size(), 2u) << types[i];
    EXPECT_TRUE(is_rigid(imaging::read_transform(subject / "FLAIR.tfm")));
  }
  EXPECT_TRUE(fs::exists(folder / "PHANTOM.txt"));
}

TEST(PhantomSiberian, DependsOnTheSeedAlone) {
  SiberianPhantomOptions options{.subjects = 2, .voxel_mm = 6, .threads = 1};
  const auto one = contents(write(options));
  options.threads = 3;
  EXPECT_EQ(contents(write(options)), one);
  options.subjects = 1;
  const auto fewer = contents(write(options));
  EXPECT_EQ(fewer.at("SBT_PH_0001/FLAIR.nii.gz"), one.at("SBT_PH_0001/FLAIR.nii.gz"));
  options.seed = 1;
  EXPECT_NE(contents(write(options)).at("SBT_PH_0001/FLAIR.nii.gz"), one.at("SBT_PH_0001/FLAIR.nii.gz"));
}

/// Means of each sequence over the voxels of each class.
TEST(PhantomSiberian, EnhancingTumourIsBrightAfterContrastOnly) {
  const fs::path folder = write({.subjects = 1, .voxel_mm = 4, .types = {"glioblastoma"}});
  const fs::path subject = folder / "SBT_PH_0001";
  const Image label = imaging::read_image(subject / "label.nii.gz"), t1 = imaging::read_image(subject / "T1.nii.gz"),
              t1ce = imaging::read_image(subject / "T1CE.nii.gz");
  std::array<double, 5> before{}, after{}, count{};
  for (int64_t i = 0; i < label.voxels(); ++i) {
    const uint8_t of = label.data<uint8_t>()[i];
    before.at(of) += t1.data<int16_t>()[i];
    after.at(of) += t1ce.data<int16_t>()[i];
    ++count.at(of);
  }
  for (size_t of = 1; of < 5; ++of) ASSERT_GT(count.at(of), 10) << of;
  const auto ratio = [&](size_t of) { return after.at(of) / before.at(of); };
  EXPECT_GT(ratio(3), 1.6 * ratio(1));
  EXPECT_GT(ratio(3), 1.6 * ratio(4));
  EXPECT_NEAR(ratio(1), ratio(2), 0.3 * ratio(1));
}

TEST(PhantomSiberian, DicomTellsT1FromT1CeByContrastAgentAlone) {
  const fs::path folder = write({.subjects = 1, .voxel_mm = 6, .format = "dicom"});
  const imaging::DicomFolder listed = imaging::list_dicom(folder / "SBT_PH_0001");
  ASSERT_EQ(listed.series.size(), 3u);
  const imaging::DicomSeries &t1 = listed.series[0], &t1ce = listed.series[2];
  EXPECT_EQ(t1.description, t1ce.description);
  EXPECT_EQ(t1.repetition_time_ms, t1ce.repetition_time_ms);
  EXPECT_EQ(t1.contrast_agent, "");
  EXPECT_EQ(t1ce.contrast_agent, "gadodiamide");
  EXPECT_LT(t1.acquisition_time, t1ce.acquisition_time);
  EXPECT_EQ(t1.patient_id, "SBT_PH_0001");
  EXPECT_EQ(read_dicom_series(t1ce).size, (std::array<int64_t, 3>{43, 43, 28}));
}

/// Registration of thick, moved FLAIR to T1CE finds the transform that stands beside them.
TEST(PhantomSiberianSlow, RegistrationRecoversTheKnownTransform) {
  const fs::path folder = write({.subjects = 1, .voxel_mm = 3, .types = {"glioblastoma"}, .seed = 3});
  const fs::path subject = folder / "SBT_PH_0001";
  const Image t1ce = imaging::read_image(subject / "T1CE.nii.gz");
  for (const std::string sequence : {"FLAIR", "T1"}) {
    const imaging::AffineTransform truth = imaging::read_transform(subject / (sequence + ".tfm"));
    const auto result = register_rigid(t1ce, imaging::read_image(subject / (sequence + ".nii.gz")));
    const imaging::AffineTransform rest = compose(inverse_of(truth), result.fixed_to_moving);
    double error_mm = 0;
    for (const double x : {-60.0, 60.0}) {
      for (const double y : {-80.0, 80.0}) {
        for (const double z : {-60.0, 60.0}) {
          const imaging::Point p = map_point(rest, {x, y, z});
          error_mm = std::max(error_mm, std::hypot(p[0] - x, p[1] - y, p[2] - z));
        }
      }
    }
    std::cout << sequence << ": moved by " << result.shift_mm << " mm and " << rotation_angle_deg(truth) << " degrees; found to "
              << error_mm << " mm and " << rotation_angle_deg(rest) << " degrees\n";
    EXPECT_EQ(result.failure, "");
    EXPECT_LT(error_mm, 0.5) << sequence;
    EXPECT_LT(rotation_angle_deg(rest), 0.3) << sequence;
  }
}

TEST(PhantomSiberianError, WrongUse) {
  const fs::path parent = larmor::testing::make_temporary_folder("siberian");
  const auto error = [&](const SiberianPhantomOptions& options) {
    return larmor::testing::usage_error([&] { write_siberian_phantom(parent / "new", options); });
  };
  EXPECT_EQ(error({.subjects = 0}), "phantom: subjects 0 is out of range; must be in [1, 9999]");
  EXPECT_EQ(error({.voxel_mm = 0.5}), "phantom: voxel_mm 0.5 is out of range; must be in [1, 6]");
  EXPECT_EQ(error({.format = "niftii"}), "phantom: unknown format 'niftii'; nearest: 'nifti'");
  EXPECT_EQ(error({.types = {"glioblastom"}}), "phantom: unknown tumour type 'glioblastom'; nearest: 'glioblastoma'");
  EXPECT_EQ(error({.shift_mm = 31}), "phantom: shift_mm 31 is out of range; must be in [0, 30]");
  EXPECT_EQ(error({.angle_deg = -1}), "phantom: angle_deg -1 is out of range; must be in [0, 20]");
}

}  // namespace
}  // namespace larmor::datasets
