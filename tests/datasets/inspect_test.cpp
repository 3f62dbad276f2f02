#include "datasets/inspect.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/datasets/lgg_folder.h"
#include "tests/datasets/support.h"

namespace larmor::datasets {
namespace {

using testing::image_file;
using testing::make_lgg_folder;
using testing::mask_file;
namespace fs = std::filesystem;

const std::string kFirst = "TCGA_AA_0001_19990101";
const std::string kSecond = "TCGA_AA_0002_19990202";

/// make_lgg_folder, but no image comes twice.
fs::path make_clean_folder() {
  const fs::path root = make_lgg_folder(4);
  for (int64_t number = 1; number <= 4; ++number)
    testing::write_plainly(image_file(root, kSecond, number), testing::make_slice(number + 10));
  return root;
}

std::vector<std::string> texts(const std::vector<Finding>& findings) {
  std::vector<std::string> all;
  for (const Finding& finding : findings) all.push_back(finding.file + ": " + finding.message);
  return all;
}

using Texts = std::vector<std::string>;

TEST(Inspect, CountsAndMeasures) {
  const auto source = open_for_inspection(make_clean_folder());
  const Inspection inspection = inspect(*source, 2);
  EXPECT_EQ(inspection.source, "lgg");
  EXPECT_EQ(inspection.cases, 8);
  EXPECT_EQ(inspection.positive, 6);  // masks have 1, 2, 3, 0 pixels
  EXPECT_EQ(inspection.foreground, 12);
  EXPECT_EQ(inspection.pixels, 8 * 64);
  EXPECT_EQ(inspection.sizes, (std::map<std::string, int64_t>{{"8 x 8", 8}}));
  EXPECT_EQ(texts(inspection.findings), Texts{});
  ASSERT_EQ(inspection.subjects.size(), 2u);
  EXPECT_EQ(inspection.subjects[1].subject, kSecond);
  EXPECT_EQ(inspection.subjects[1].positive, 3);
  EXPECT_EQ(inspection.subjects[1].largest, 3);

  ASSERT_EQ(inspection.channels.size(), 3u);
  double sum = 0, squares = 0, low = 255, high = 0;
  for (int64_t i = 0; i < 8; ++i) {
    const imaging::Image image = source->load(i).image;
    for (int64_t p = 0; p < 64; ++p) {
      const double value = image.data<uint8_t>()[3 * p + 1];
      sum += value;
      squares += value * value;
      low = std::min(low, value);
      high = std::max(high, value);
    }
  }
  EXPECT_EQ(inspection.channels[1].name, "FLAIR");
  EXPECT_EQ(inspection.channels[1].min, low);
  EXPECT_EQ(inspection.channels[1].max, high);
  EXPECT_NEAR(inspection.channels[1].mean, sum / 512, 1e-9);
  EXPECT_NEAR(inspection.channels[1].sd, std::sqrt(squares / 512 - sum * sum / 512 / 512), 1e-9);
}

TEST(Inspect, FindsWhatIsSuspicious) {
  const fs::path root = make_clean_folder();
  const auto grey = [](int64_t base) {
    imaging::Image image = testing::make_slice(base);
    for (int64_t p = 0; p < 64; ++p) image.data<uint8_t>()[3 * p] = image.data<uint8_t>()[3 * p + 1] = image.data<uint8_t>()[3 * p + 2];
    return image;
  };
  testing::write_plainly(image_file(root, kFirst, 1), grey(1));
  testing::write_plainly(image_file(root, kFirst, 2), grey(2));
  imaging::Image same_two = testing::make_slice(7);
  for (int64_t p = 0; p < 64; ++p) same_two.data<uint8_t>()[3 * p + 2] = same_two.data<uint8_t>()[3 * p + 1];
  testing::write_plainly(image_file(root, kFirst, 3), same_two);
  testing::write_plainly(image_file(root, kFirst, 4), imaging::Image::make({8, 8, 1}, 3, imaging::PixelType::u8));
  fs::copy_file(image_file(root, kSecond, 1), image_file(root, kSecond, 3), fs::copy_options::overwrite_existing);
  testing::cut_file(mask_file(root, kSecond, 4), 30);
  imaging::Image odd = testing::make_mask(0);
  odd.data<uint8_t>()[0] = 128;
  testing::write_plainly(mask_file(root, kSecond, 2), odd);

  const Inspection inspection = inspect(*open_for_inspection(root));
  const Texts found = texts(inspection.findings);
  ASSERT_EQ(found.size(), 6u);
  EXPECT_EQ(found[0], kFirst + ": T1 = FLAIR = T1CE in 2 of 3 slices");
  EXPECT_EQ(found[1], kFirst + ": FLAIR = T1CE in 1 of 3 slices");
  EXPECT_EQ(found[2], kFirst + ":4: every channel has one value only");
  EXPECT_EQ(found[3], kSecond + "/" + kSecond + "_2_mask.tif: has values other than 0 and 255; all above 0 count as foreground");
  EXPECT_TRUE(found[4].starts_with(kSecond + "/" + kSecond + "_4_mask.tif: 30 bytes, ")) << found[4];
  EXPECT_EQ(found[5], kSecond + ":3: is the same image as " + kSecond + ":1");
  EXPECT_EQ(inspection.cases, 7);
}

TEST(Inspect, CasesThatCannotBeDecodedAreFindings) {
  testing::MemorySource source({.subjects = 1, .slices = 4});
  source.before_load = [](int64_t index) {
    if (index == 2) throw_data_error("x.tif: is empty");
  };
  const Inspection inspection = inspect(source);
  EXPECT_EQ(texts(inspection.findings), Texts{"S0:3: x.tif: is empty"});
  EXPECT_EQ(inspection.sizes.at("16 x 16"), 3);
}

TEST(Inspect, DoesNotDependOnThreads) {
  const testing::MemorySource source({.subjects = 3, .slices = 9, .type = imaging::PixelType::f32});
  EXPECT_EQ(to_json(inspect(source, 1)), to_json(inspect(source, 4)));
}

TEST(Inspect, TextIsATableForPeople) {
  const testing::MemorySource source({.subjects = 2, .slices = 3, .channels = 1});
  Inspection inspection = inspect(source);
  inspection.channels[0] = {"T1", 0, 255, 127.5, 73.9};
  inspection.findings = {{"a.tif", "is odd"}, {"b.tif", "is odd"}};
  EXPECT_EQ(to_text(inspection, 1), R"(memory · 2 subjects, 6 slices, 2 with foreground (33.3 %) · phantom
sizes        16 x 16 (6)
foreground   0.13 % of all pixels

channel           min      max     mean       SD
T1                  0      255    127.5     73.9

subject                      slices positive foreground %  largest px
S0                                3        1         0.13           1
S1                                3        1         0.13           1

suspicious: 2
  a.tif: is odd
  … and 1 more
)");
}

TEST(Inspect, JsonHoldsEverything) {
  const nlohmann::json json = to_json(inspect(*open_for_inspection(make_clean_folder())));
  EXPECT_EQ(json["source"], "lgg");
  EXPECT_EQ(json["phantom"], false);
  EXPECT_EQ(json["cases"], 8);
  EXPECT_EQ(json["subjects"].size(), 2u);
  EXPECT_EQ(json["channels"][2]["name"], "T1CE");
  EXPECT_EQ(json["findings"], nlohmann::json::array());
  EXPECT_NEAR(json["foreground_share"].get<double>(), 12 / 512.0, 1e-12);
}

TEST(Inspect, ContactSheetShowsOneCasePerSubject) {
  const testing::MemorySource source({.subjects = 5, .slices = 6});
  const imaging::Image whole = contact_sheet(source, 3, 100), part = contact_sheet(source, 3, 3);
  EXPECT_GT(whole.height(), part.height()) << "two rows and one";
  EXPECT_EQ(whole.width(), part.width());
  EXPECT_EQ(whole.channels, 3);
}

TEST(InspectError, NothingToShow) {
  testing::MemorySource source;
  source.before_load = [](int64_t) { throw_data_error("x.tif: is empty"); };
  EXPECT_EQ(testing::message_of([&] { contact_sheet(source); }), "no case can be decoded for the contact sheet");
}

}  // namespace
}  // namespace larmor::datasets
