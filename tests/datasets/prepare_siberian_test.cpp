#include "datasets/prepare_siberian.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <nlohmann/json.hpp>

#include "core/csv.h"
#include "core/file_lock.h"
#include "core/files.h"
#include "core/interrupt.h"
#include "datasets/siberian_cache.h"
#include "imaging/transform.h"
#include "tests/datasets/siberian_folder.h"
#include "tests/support/errors.h"

namespace larmor::datasets {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace): names of the fixture
using imaging::AffineTransform;
using imaging::Image;
using larmor::testing::data_error;
using larmor::testing::make_temporary_folder;
using larmor::testing::run_error;
using larmor::testing::usage_error;

PrepareReport prepare(const PrepareSiberianOptions& options, const fs::path& out) { return prepare_siberian(options, out, {}); }

AffineTransform transform_from(const nlohmann::json& stored) {
  return {stored.at("matrix").get<std::array<double, 9>>(), stored.at("translation_mm").get<std::array<double, 3>>(),
          stored.at("centre_mm").get<std::array<double, 3>>()};
}

TEST(PrepareSiberian, RegistersResamplesAndScales) {
  const fs::path root = siberian_folder(), out = make_temporary_folder("prepared");
  const PrepareReport report = prepare(small_options(root), out);
  ASSERT_EQ(report.subjects.size(), 3u);
  EXPECT_TRUE(report.is_phantom);
  for (const PreparedSubject& subject : report.subjects) {
    EXPECT_EQ(subject.failure, "") << subject.name;
    EXPECT_FALSE(subject.was_kept);
    const SiberianVolume volume(siberian_volume_file(out, subject.name));
    EXPECT_EQ(volume.size(), (std::array<int64_t, 3>{40, 40, subject.slices}));
    EXPECT_GE(subject.slices, 20);
    EXPECT_GE(subject.slices_positive, 2);
    EXPECT_EQ(volume.facts().geometry.spacing_mm, (std::array<double, 3>{6, 6, 6}));
    const auto provenance = nlohmann::json::parse(volume.provenance());
    EXPECT_EQ(provenance.at("inputs").at("FLAIR").at("sha256"), sha256(MappedFile(root / subject.name / "FLAIR.nii.gz").bytes()));
    for (const std::string sequence : {"T1", "FLAIR"}) {
      const AffineTransform truth = imaging::read_transform(root / subject.name / (sequence + ".tfm"));
      const AffineTransform rest = compose(inverse_of(truth), transform_from(provenance.at("registration").at(sequence)));
      EXPECT_LT(rotation_angle_deg(rest), 2) << subject.name << " " << sequence;  // of voxels of 6 mm and few points
    }
  }
  EXPECT_EQ(read_csv(out / "registration.csv").rows.size(), 6u);
  EXPECT_GT(fs::file_size(out / "quality.png"), 1000u);
  EXPECT_EQ(read_siberian_index(out).entries.size(), 3u);
}

/// T1CE's own voxels are kept as they are, only scaled; the label goes with them.
TEST(PrepareSiberian, TheGridIsThatOfT1Ce) {
  const fs::path root = siberian_folder(), out = make_temporary_folder("prepared");
  PrepareSiberianOptions options = small_options(root);
  options.crop = false;
  options.size = 43;
  options.registration = "none";
  prepare(options, out);
  const SiberianVolume volume(siberian_volume_file(out, kFirst));
  const Image t1ce = imaging::read_image(root / kFirst / "T1CE.nii.gz"), label = imaging::read_image(root / kFirst / "label.nii.gz");
  ASSERT_EQ(volume.size(), t1ce.size);
  const auto range = nlohmann::json::parse(volume.provenance()).at("intensity").at("T1CE");
  const double low = range.at("low"), high = range.at("high");
  const int64_t plane = 43 * 43, z = 14;
  const Image cached = volume.image(1, z), cached_label = volume.label(z);
  for (int64_t i = 0; i < plane; ++i) {
    const double part = std::clamp((t1ce.data<int16_t>()[z * plane + i] - low) / (high - low), 0.0, 1.0);
    ASSERT_NEAR(cached.data<uint16_t>()[i], 65535 * part, 0.51) << i;
    ASSERT_EQ(cached_label.data<uint8_t>()[i], label.data<uint8_t>()[z * plane + i]) << i;
  }
}

std::string bytes_of(const fs::path& out, const std::string& name) { return read_file(siberian_volume_file(out, name)); }

TEST(PrepareSiberian, AnyNumberOfThreadsGivesTheSameBytes) {
  const fs::path root = siberian_folder(), one = make_temporary_folder("prepared"), three = make_temporary_folder("prepared");
  PrepareSiberianOptions options = small_options(root);
  prepare(options, one);
  options.threads = 3;
  prepare(options, three);
  for (const std::string& name : {kFirst, kSecond, kThird}) EXPECT_EQ(bytes_of(one, name), bytes_of(three, name)) << name;
  EXPECT_EQ(read_file(one / "index.json"), read_file(three / "index.json"));
  EXPECT_EQ(read_file(one / "quality.png"), read_file(three / "quality.png"));
}

TEST(PrepareSiberian, GoesOnWithWhatIsMissingOrChanged) {
  const fs::path root = siberian_folder(), out = make_temporary_folder("prepared");
  PrepareSiberianOptions options = small_options(root);
  options.registration = "none";
  const auto kept = [&] {
    std::string text;
    for (const PreparedSubject& subject : prepare(options, out).subjects) text += subject.was_kept ? 'k' : 'm';
    return text;
  };
  EXPECT_EQ(kept(), "mmm");
  EXPECT_EQ(kept(), "kkk");
  fs::remove(siberian_volume_file(out, kSecond));
  EXPECT_EQ(kept(), "kmk");
  write_file_atomically(siberian_volume_file(out, kFirst), bytes_of(out, kFirst).substr(0, 9000));
  EXPECT_EQ(kept(), "mkk") << "a torn file is made anew";
  fs::copy_file(root / kThird / "FLAIR.nii.gz", root / kThird / "T1.nii.gz", fs::copy_options::overwrite_existing);
  EXPECT_EQ(kept(), "kkm") << "another input";
  options.high_percentile = 99;
  EXPECT_EQ(kept(), "mmm") << "another parameter";
}

/// A FLAIR of noise: its registration fails; the subject is told, excluded and counted.
TEST(PrepareSiberian, ARegistrationThatFailsExcludesItsSubject) {
  const fs::path root = siberian_folder(), out = make_temporary_folder("prepared");
  Image flair = imaging::read_image(root / kSecond / "FLAIR.nii.gz");
  for (int64_t i = 0; i < flair.voxels(); ++i) flair.data<int16_t>()[i] = static_cast<int16_t>((i * 7919) % 1000);
  imaging::write_image(root / kSecond / "FLAIR.nii.gz", flair);
  const PrepareReport report = prepare(small_options(root), out);
  EXPECT_EQ(report.subjects[0].failure, "");
  EXPECT_TRUE(report.subjects[1].failure.starts_with("registration of FLAIR failed: ")) << report.subjects[1].failure;
  EXPECT_FALSE(fs::exists(siberian_volume_file(out, kSecond)));
  EXPECT_EQ(read_siberian_index(out).entries[1].reason, report.subjects[1].failure);
  const CsvTable table = read_csv(out / "registration.csv");
  EXPECT_EQ(std::count_if(table.rows.begin(), table.rows.end(), [](const auto& row) { return row[2] == "excluded"; }), 1);
}

TEST(PrepareSiberian, StopsAndKeepsWhatIsDone) {
  const fs::path root = siberian_folder(), out = make_temporary_folder("prepared");
  PrepareSiberianOptions options = small_options(root);
  options.registration = "none";
  catch_interrupts();
  const auto stop = [](int64_t done, int64_t, const PreparedSubject&) {
    if (done == 1) std::raise(SIGTERM);
  };
  EXPECT_EQ(run_error([&] { prepare_siberian(options, out, stop); }), "interrupted; the same command goes on with what is missing");
  clear_interrupt();
  EXPECT_FALSE(is_siberian_cache(out)) << "no index of half a set";
  const PrepareReport report = prepare(options, out);
  EXPECT_TRUE(report.subjects[0].was_kept);
  EXPECT_FALSE(report.subjects[2].was_kept);
}

TEST(PrepareSiberianError, BadInput) {
  const fs::path root = siberian_folder(), out = make_temporary_folder("prepared");
  const PrepareSiberianOptions good = small_options(root);
  const auto error = [&](const std::function<void(PrepareSiberianOptions&)>& change) {
    PrepareSiberianOptions options = good;
    change(options);
    return usage_error([&] { prepare(options, out); });
  };
  EXPECT_EQ(error([](auto& o) { o.size = 8; }), "prepare: size 8 is out of range; must be in [16, 4096]");
  EXPECT_EQ(error([](auto& o) { o.spacing_mm = -1; }), "prepare: spacing_mm -1 is out of range; must be in [0, 100]");
  EXPECT_EQ(error([](auto& o) { o.registration = "affine"; }), "prepare: unknown registration 'affine'; allowed: rigid, none");
  EXPECT_EQ(error([](auto& o) { o.low_percentile = 100; }),
            "prepare: percentiles 100 and 99.5 are out of order; must be 0 <= low < high <= 100");
  EXPECT_EQ(error([](auto& o) {
              o.raw.sequences = {"T1", "FLAIR"};
            }),
            "prepare: T1CE must be among the sequences: the others are registered to it");
  EXPECT_EQ(error([](auto& o) { o.raw.sequences = {"T1CE", "FLAR"}; }), "prepare: unknown sequence 'FLAR'; nearest: 'FLAIR'");
  EXPECT_EQ(error([](auto& o) { o.raw.sequences = {"T1CE", "T1CE"}; }), "prepare: sequence T1CE is named twice");
  EXPECT_EQ(error([](auto& o) { o.label_on = "T2"; }), "prepare: unknown sequence of the label 'T2'; nearest: 'T1'");
  EXPECT_EQ(error([](auto& o) { o.raw.labels = {{"edema", 0}}; }), "prepare: label 'edema' is 0; must be in [1, 255]");
  EXPECT_EQ(error([](auto& o) { o.raw.labels = {{"a", 1}, {"b", 1}}; }), "prepare: labels 'a' and 'b' are both 1");
  EXPECT_EQ(error([](auto& o) { o.raw.exclude = {"SBT_PH_001"}; }), "--exclude: unknown subject 'SBT_PH_001'; nearest: 'SBT_PH_0001'");
  EXPECT_EQ(usage_error([&] { prepare(good, root / "prepared"); }),
            "prepare: " + (root / "prepared").string() + " is inside of the data, which is never written to");

  PrepareSiberianOptions few = good;
  few.raw.labels = {{"edema", 1}, {"enhancing", 3}};
  const std::string unknown = data_error([&] { prepare(few, out); });
  EXPECT_TRUE(unknown.starts_with("SBT_PH_0002/label.nii.gz: value 4 at voxel ")) << unknown;
  EXPECT_NE(unknown.find(" is unknown to the label map (1 edema, 3 enhancing); name it with --labels NAME=VALUE,…"), std::string::npos)
      << unknown;
  PrepareSiberianOptions narrow = good;
  narrow.size = 16;
  narrow.registration = "none";
  const std::string wide = data_error([&] { prepare(narrow, out); });
  EXPECT_TRUE(wide.starts_with("subject SBT_PH_0001: SBT_PH_0001/T1CE.nii.gz: the head spans ")) << wide;
  EXPECT_FALSE(is_siberian_cache(out));
  const FileLock lock(out / ".lock");
  EXPECT_TRUE(run_error([&] { prepare(good, out); }).starts_with((out / ".lock").string() + ": in use by process "));
}

TEST(PrepareSiberianError, EverySubjectExcluded) {
  const fs::path root = siberian_folder(), out = make_temporary_folder("prepared");
  auto value = std::byte{0};
  for (const std::string& subject : {kFirst, kSecond, kThird}) {
    Image flat = imaging::read_image(root / subject / "T1.nii.gz");
    std::fill(flat.bytes.begin(), flat.bytes.end(), value);
    value = std::byte{static_cast<uint8_t>(std::to_integer<int>(value) + 1)};  // equal volumes would be refused
    imaging::write_image(root / subject / "T1.nii.gz", flat);
  }
  EXPECT_EQ(data_error([&] { prepare(small_options(root), out); }),
            "every subject is excluded; the first is SBT_PH_0001: registration of T1 failed: SBT_PH_0001/T1.nii.gz has no contrast");
}

}  // namespace
}  // namespace larmor::datasets
