#include "datasets/phantom_lgg.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "core/csv.h"
#include "core/error.h"
#include "core/files.h"
#include "datasets/lgg.h"
#include "tests/datasets/support.h"
#include "tests/support/golden.h"

namespace larmor::datasets {
namespace {

using testing::message_of;
namespace fs = std::filesystem;

fs::path write(const LggPhantomOptions& options) {
  const fs::path folder = larmor::testing::make_temporary_folder("phantom");
  write_lgg_phantom(folder, options);
  return folder;
}

/// All files below a folder with their contents.
std::map<std::string, std::string> contents(const fs::path& folder) {
  std::map<std::string, std::string> files;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) files[fs::relative(entry.path(), folder).string()] = read_file(entry.path());
  }
  return files;
}

LggPhantomOptions small() { return {.patients = 2, .slices = 6, .size = 48}; }

TEST(PhantomLgg, HasTheLayoutOfTheLggSet) {
  const fs::path folder = write(small());
  EXPECT_TRUE(fs::exists(folder / "TCGA_PH_0001_20000101/TCGA_PH_0001_20000101_1.tif"));
  EXPECT_TRUE(fs::exists(folder / "TCGA_PH_0002_20000101/TCGA_PH_0002_20000101_6_mask.tif"));
  const auto source = make_lgg({.root = folder.string()});
  EXPECT_TRUE(source->is_phantom());
  EXPECT_TRUE(source->findings().empty());
  EXPECT_EQ(source->cases().size(), 12u);
  EXPECT_EQ(source->load(0).image.size, (std::array<int64_t, 3>{48, 48, 1}));
  EXPECT_EQ(source->studies()[1].metadata.at("Patient"), "TCGA_PH_0002");
  EXPECT_EQ(source->studies()[1].metadata.size(), 18u);
}

TEST(PhantomLgg, DependsOnTheSeedAlone) {
  LggPhantomOptions options = small();
  options.threads = 1;
  const auto one = contents(write(options));
  options.threads = 3;
  EXPECT_EQ(contents(write(options)), one);
  options.seed = 1;
  EXPECT_NE(contents(write(options)), one);
}

TEST(PhantomLgg, PatientsDoNotDependOnHowManyThereAre) {
  LggPhantomOptions options = small();
  const auto two = contents(write(options));
  options.patients = 1;
  const auto one = contents(write(options));
  const std::string file = "TCGA_PH_0001_20000101/TCGA_PH_0001_20000101_3.tif";
  EXPECT_EQ(one.at(file), two.at(file));
}

TEST(PhantomLgg, ASecondReaderHasTheSameNamesAndOtherBorders) {
  const auto alone = contents(write(small()));
  LggPhantomOptions options = small();
  const fs::path parent = larmor::testing::make_temporary_folder("phantom");
  options.second_reader = (parent / "second").string();
  write_lgg_phantom(parent / "first", options);
  const auto first = contents(parent / "first"), second = contents(parent / "second");
  EXPECT_EQ(first, alone);  // nothing changes for being read twice
  size_t masks = 0, others = 0;
  for (const auto& [name, content] : first) {
    if (name.find("_mask") == std::string::npos) continue;
    ++masks;
    others += second.at(name) != content;
  }
  EXPECT_EQ(second.size(), masks + 1);
  EXPECT_GT(others, 0u);
  EXPECT_TRUE(second.at("PHANTOM.txt").starts_with("A second reader's masks.\n"));
}

TEST(PhantomLgg, ASecondReaderHasAFolderOfHisOwn) {
  const fs::path parent = larmor::testing::make_temporary_folder("phantom");
  const std::string first = (parent / "first").string();
  LggPhantomOptions options = small();
  const auto message = [&](const std::string& second) {
    options.second_reader = second;
    return message_of([&] { write_lgg_phantom(first, options); });
  };
  EXPECT_EQ(message(first + "/"), "phantom: " + first + "/ is " + first + "; name another folder");
  EXPECT_EQ(message(first + "/second"), "phantom: " + first + "/second lies in " + first + "; name another folder");
  EXPECT_EQ(message(parent.string()), "phantom: " + parent.string() + " holds " + first + "; name another folder");
  EXPECT_FALSE(fs::exists(first));
}

/// Means over the mask and over the brain around it: pixels where T1 is neither air nor bone.
struct Contrast {
  double inside[3] = {};
  double outside[3] = {};
};

Contrast contrast_of(const Source& source) {
  Contrast contrast;
  double n_inside = 0, n_outside = 0;
  for (size_t i = 0; i < source.cases().size(); ++i) {
    if (source.cases()[i].foreground == 0) continue;
    const RawSample sample = source.load(static_cast<int64_t>(i));
    for (int64_t p = 0; p < sample.image.voxels(); ++p) {
      const uint8_t* values = sample.image.data<uint8_t>() + 3 * p;
      const bool is_inside = sample.label.data<uint8_t>()[p] > 0;
      if (!is_inside && (values[0] < 50 || values[0] > 130)) continue;
      for (int c = 0; c < 3; ++c) (is_inside ? contrast.inside : contrast.outside)[c] += values[c];
      ++(is_inside ? n_inside : n_outside);
    }
  }
  for (double& value : contrast.inside) value /= n_inside;
  for (double& value : contrast.outside) value /= n_outside;
  return contrast;
}

TEST(PhantomLgg, TumoursAreBrightOnFlairAndDarkOnT1) {
  const auto source = make_lgg({.root = write({.patients = 4, .slices = 16, .size = 96}).string()});
  const Contrast contrast = contrast_of(*source);
  EXPECT_LT(contrast.inside[0], 0.8 * contrast.outside[0]) << "T1";
  EXPECT_GT(contrast.inside[1], 1.5 * contrast.outside[1]) << "FLAIR";
  // T1CE differs from T1 inside: the rim takes up contrast agent.
  EXPECT_GT(contrast.inside[2] - contrast.inside[0], 3 + contrast.outside[2] - contrast.outside[0]);
}

TEST(PhantomLgg, HasEmptySlicesAtBothEndsAndTumourInBetween) {
  const auto source = make_lgg({.root = write({.patients = 12, .slices = 24, .size = 64}).string()});
  int64_t positive = 0, gaps = 0, nearly_blank = 0;
  for (const Study& study : source->studies()) {
    std::vector<bool> shows;
    for (const int64_t index : study.cases) shows.push_back(source->cases()[static_cast<size_t>(index)].foreground > 0);
    EXPECT_FALSE(shows.front()) << study.subject;
    EXPECT_FALSE(shows.back()) << study.subject;
    const auto count = std::count(shows.begin(), shows.end(), true);
    EXPECT_GE(count, 3) << study.subject;
    positive += count;
    const auto first = std::find(shows.begin(), shows.end(), true);
    const auto last = std::find(shows.rbegin(), shows.rend(), true).base();
    gaps += std::count(first, last, false) > 0;
    const RawSample top = source->load(study.cases.back());
    nearly_blank += *std::max_element(top.image.data<uint8_t>(), top.image.data<uint8_t>() + top.image.elements()) < 40;
  }
  EXPECT_GE(gaps, 1);
  EXPECT_EQ(nearly_blank, 12);
  EXPECT_NEAR(static_cast<double>(positive) / (12 * 24), 0.35, 0.12);  // the original: 1373 of 3929
}

TEST(PhantomLgg, DefaultsToTheOriginalsNumbersOfSlices) {
  const auto source = make_lgg({.root = write({.patients = 6, .size = 32}).string()});
  std::vector<size_t> counts;
  for (const Study& study : source->studies()) counts.push_back(study.cases.size());
  for (const size_t count : counts) {
    EXPECT_GE(count, 20u);
    EXPECT_LE(count, 88u);
  }
  EXPECT_NE(*std::min_element(counts.begin(), counts.end()), *std::max_element(counts.begin(), counts.end()));
}

TEST(PhantomLgg, FillsAnEmptyOrMissingFolderOnly) {
  const fs::path parent = larmor::testing::make_temporary_folder("phantom");
  write_lgg_phantom(parent / "a/b/", {.patients = 1, .slices = 5, .size = 32});
  EXPECT_TRUE(fs::exists(parent / "a/b/PHANTOM.txt"));
  EXPECT_EQ(std::distance(fs::directory_iterator(parent / "a"), fs::directory_iterator()), 1) << "nothing is left beside it";
}

TEST(PhantomLggError, WrongUse) {
  const fs::path parent = larmor::testing::make_temporary_folder("phantom");
  write_file_atomically(parent / "file", "");
  ErrorKind kind{};
  EXPECT_EQ(message_of([&] { write_lgg_phantom(parent, small()); }, &kind),
            "phantom: " + parent.string() + " is not empty; name a new folder");
  EXPECT_EQ(kind, ErrorKind::usage);
  EXPECT_EQ(message_of([&] { write_lgg_phantom(parent / "file", small()); }),
            "phantom: " + (parent / "file").string() + " is a file; name a new folder");
  EXPECT_EQ(message_of([&] { write_lgg_phantom(parent / "new", {.slices = 4}); }),
            "phantom: slices 4 is out of range; must be in [5, 1000]");
  EXPECT_EQ(message_of([&] { write_lgg_phantom(parent / "new", {.patients = 0}); }),
            "phantom: patients 0 is out of range; must be in [1, 9999]");
  EXPECT_EQ(message_of([&] { write_lgg_phantom(parent / "new", {.size = 16}); }),
            "phantom: size 16 is out of range; must be in [32, 4096]");
  EXPECT_FALSE(fs::exists(parent / "new"));
}

}  // namespace
}  // namespace larmor::datasets
