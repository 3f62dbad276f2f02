#include "cli/agree.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "core/csv.h"
#include "core/error.h"
#include "core/files.h"
#include "datasets/phantom_lgg.h"
#include "eval/agreement.h"
#include "imaging/io.h"
#include "tests/support/golden.h"

namespace larmor::cli {
namespace {

namespace fs = std::filesystem;
using imaging::Image;
using Json = nlohmann::json;

/// Masks of three voxels' height: the first readers' box is from 1 to 4, the second's from 1 to 3.
Image box(int64_t last) {
  Image mask = Image::make({6, 6, 4}, 1, imaging::PixelType::u8);
  mask.geometry.has_spacing = true;
  for (int64_t z = 1; z < 3; ++z) {
    for (int64_t y = 1; y < 5; ++y) {
      for (int64_t x = 1; x < last; ++x) mask.data<uint8_t>()[(z * 6 + y) * 6 + x] = 1;
    }
  }
  return mask;
}

class Agree : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* folder : {"1", "2"}) make_folder(root_ / folder);
  }
  AgreeOptions options() const { return {(root_ / "1").string(), (root_ / "2").string(), "", false}; }
  static std::string run(const AgreeOptions& options, bool json = false) {
    GlobalOptions global;
    global.quiet = true;
    global.threads = 1;
    global.json = json;
    ::testing::internal::CaptureStdout();
    try {
      run_agree(options, global);
    } catch (const Error& error) {
      ::testing::internal::GetCapturedStdout();
      return error.what();
    }
    return ::testing::internal::GetCapturedStdout();
  }
  const fs::path root_ = larmor::testing::make_temporary_folder("agree");
  const std::string folder_ = root_.string();
};

TEST_F(Agree, CasesInBothFolders) {
  for (const char* name : {"a", "b", "c"}) imaging::write_image(root_ / "1" / (std::string(name) + ".nii.gz"), box(5));
  imaging::write_image(root_ / "2/a.nrrd", box(5));
  imaging::write_image(root_ / "2/b.nrrd", box(4));
  AgreeOptions given = options();
  given.output = (root_ / "out").string();
  const std::string text = run(given);
  EXPECT_THAT(text, ::testing::HasSubstr("case                                     Dice        HD95    kappa\n"));
  EXPECT_THAT(text, ::testing::HasSubstr("  a                                      1.0000     0.00 mm   1.0000\n"));
  EXPECT_THAT(text, ::testing::HasSubstr("readers  two, 2 cases\n"));
  EXPECT_THAT(text, ::testing::HasSubstr("note     only in " + folder_ + "/1, left out: 'c'\n"));
  const CsvTable table = read_csv(root_ / "out/agreement.csv");
  ASSERT_EQ(table.rows.size(), 2u);
  EXPECT_NEAR(std::stod(table.rows[1][table.column("dice")]), 2 * 24.0 / (32 + 24), 1e-12);
  EXPECT_EQ(table.rows[1][table.column("volume_second")], "24");
  const eval::Agreement stored = eval::read_agreement((root_ / "out/agreement.json").string());
  EXPECT_EQ(stored.only_first, (std::vector<std::string>{"c"}));
  EXPECT_EQ(Json::parse(run(options(), true)), eval::to_json(stored));
  EXPECT_EQ(read_file(root_ / "out/agreement.json").find(folder_), std::string::npos);  // no folder may name a reader
}

TEST_F(Agree, TwoFilesAreOneCaseWhateverTheirNames) {
  imaging::write_image(root_ / "1/mine.nii.gz", box(5));
  imaging::write_image(root_ / "2/yours.nrrd", box(4));
  const Json json = Json::parse(run({(root_ / "1/mine.nii.gz").string(), (root_ / "2/yours.nrrd").string(), "", false}, true));
  ASSERT_EQ(json["cases"].size(), 1u);
  EXPECT_EQ(json["cases"][0]["case"], "mine");
  EXPECT_NEAR(json["cases"][0]["dice"].get<double>(), 6.0 / 7, 1e-12);
}

/// The whole way: a phantom with two readers, slices matched within their patients.
TEST_F(Agree, PhantomReaders) {
  datasets::write_lgg_phantom(root_ / "first", {.patients = 5, .slices = 8, .size = 64, .second_reader = (root_ / "second").string()});
  const std::string text = run({(root_ / "first").string(), (root_ / "second").string(), (root_ / "out").string(), false});
  EXPECT_THAT(text, ::testing::HasSubstr("readers  two, 5 cases   PHANTOM, no real readers\n"));
  const eval::Agreement agreement = eval::read_agreement((root_ / "out/agreement.json").string());
  EXPECT_TRUE(agreement.is_phantom);
  ASSERT_EQ(agreement.cases.size(), 5u);
  EXPECT_EQ(agreement.cases[0].name, "TCGA_PH_0001_20000101");
  for (const eval::CaseAgreement& one : agreement.cases) {
    EXPECT_GT(one.dice, 0.5) << one.name;
    EXPECT_LT(one.dice, 1) << one.name;
    EXPECT_EQ(one.unit, "px");
  }
  const std::vector<eval::Metric> means = eval::means_of(agreement.cases);
  EXPECT_LT(means[0].low, means[0].value);
}

TEST_F(Agree, MessagesOfErrors) {
  imaging::write_image(root_ / "1/a.nii.gz", box(5));
  AgreeOptions given = options();
  given.second = (root_ / "none").string();
  EXPECT_EQ(run(given), folder_ + "/none: no such file or folder");
  given.second = given.first + "/";
  EXPECT_EQ(run(given), "agree: " + folder_ + "/1 and " + folder_ + "/1/ are the same; give two readers");
  imaging::write_image(root_ / "2/b.nii.gz", box(5));
  EXPECT_EQ(run(options()), folder_ + "/1 and " + folder_ + "/2 have no case in common: 'a'; and 'b'; cases are matched by name");
  imaging::write_image(root_ / "2/a.nii.gz", box(5));
  given = options();
  given.output = (root_ / "2/out").string();
  EXPECT_EQ(run(given), "--output: " + folder_ + "/2/out is in the folder of the data; choose another, source data is never written to");
  EXPECT_FALSE(fs::exists(root_ / "2/out"));
  given.output = (root_ / "out").string();
  run(given);
  EXPECT_EQ(run(given), "--output: " + folder_ + "/out/agreement.csv is there already; --overwrite replaces it");
  given.overwrite = true;
  EXPECT_THAT(run(given), ::testing::HasSubstr("readers  two, 1 case\n"));
  given.output = (root_ / "1/a.nii.gz").string();
  EXPECT_EQ(run(given), "--output: " + folder_ + "/1/a.nii.gz is a file; give a folder");
}

}  // namespace
}  // namespace larmor::cli
