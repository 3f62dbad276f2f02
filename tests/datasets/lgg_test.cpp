#include "datasets/lgg.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/datasets/lgg_folder.h"
#include "tests/datasets/support.h"

namespace larmor::datasets {
namespace {

using testing::cut_file;
using testing::image_file;
using testing::make_lgg_folder;
using testing::mask_file;
using testing::message_of;
namespace fs = std::filesystem;

const std::string kFirst = "TCGA_AA_0001_19990101";
const std::string kSecond = "TCGA_AA_0002_19990202";

std::unique_ptr<Source> open(const fs::path& root) { return make_lgg({.root = root.string()}); }
std::unique_ptr<Source> open_all(const fs::path& root) {
  return make_lgg({.root = root.string(), .on_missing_mask = "skip", .on_bad_file = "skip"});
}

std::vector<std::string> texts(const std::vector<Finding>& findings) {
  std::vector<std::string> all;
  for (const Finding& finding : findings) all.push_back(finding.file + ": " + finding.message);
  return all;
}

using Texts = std::vector<std::string>;

TEST(Lgg, SlicesAreInTheOrderOfTheirNumbers) {
  const auto source = open(make_lgg_folder(12));
  ASSERT_EQ(source->studies().size(), 2u);
  for (const Study& study : source->studies()) {
    ASSERT_EQ(study.cases.size(), 12u);
    for (size_t i = 0; i < 12; ++i) {
      const CaseInfo& info = source->cases()[static_cast<size_t>(study.cases[i])];
      EXPECT_EQ(info.key, (CaseKey{study.subject, "", static_cast<int64_t>(i) + 1}));
      EXPECT_EQ(info.foreground, static_cast<int64_t>(i + 1) % 4);
    }
  }
  EXPECT_TRUE(source->findings().empty());
}

TEST(Lgg, LoadsImageAndLabel) {
  const auto source = open(make_lgg_folder());
  const RawSample sample = source->load(4);  // the second patient's slice 2
  EXPECT_EQ(sample.key, (CaseKey{kSecond, "", 2}));
  EXPECT_EQ(sample.image.bytes, testing::make_slice(2).bytes);
  EXPECT_EQ(sample.image.channels, 3);
  for (int64_t i = 0; i < 64; ++i) EXPECT_EQ(sample.label.data<uint8_t>()[i], i < 2 ? 1 : 0);
  EXPECT_EQ(source->channel_names(), (Texts{"T1", "FLAIR", "T1CE"}));
  EXPECT_EQ(source->name(), "lgg");
  EXPECT_FALSE(source->is_phantom());
}

TEST(Lgg, ChannelsArePickedInTheOrderAsked) {
  const fs::path root = make_lgg_folder();
  const imaging::Image stored = testing::make_slice(1);
  const std::vector<std::pair<Texts, std::vector<int64_t>>> cases{
      {{"T1", "T1CE", "FLAIR"}, {0, 2, 1}}, {{"FLAIR"}, {1}}, {{"FLAIR", "FLAIR", "FLAIR"}, {1, 1, 1}}};
  for (const auto& [names, places] : cases) {
    EXPECT_EQ(lgg_channels(names).size(), names.size());
    const auto source = make_lgg({.root = root.string(), .channels = names});
    EXPECT_EQ(source->channels(), static_cast<int64_t>(names.size()));
    EXPECT_EQ(source->channel_names(), names);
    const RawSample sample = source->load(0);
    ASSERT_EQ(sample.image.channels, static_cast<int64_t>(names.size()));
    for (int64_t i = 0; i < 64; ++i) {
      for (size_t c = 0; c < places.size(); ++c) {
        ASSERT_EQ(sample.image.data<uint8_t>()[i * static_cast<int64_t>(places.size()) + static_cast<int64_t>(c)],
                  stored.data<uint8_t>()[3 * i + places[c]]);
      }
    }
  }
}

TEST(Lgg, StudiesCarryTheTablesColumns) {
  const auto source = open(make_lgg_folder());
  EXPECT_EQ(source->studies()[0].metadata,
            (std::map<std::string, std::string>{{"Patient", "TCGA_AA_0001"}, {"gender", "1"}, {"age", "44"}}));
  EXPECT_EQ(source->studies()[1].metadata.at("age"), "");
}

TEST(Lgg, RootMayBeTheFolderAbove) {
  const fs::path root = make_lgg_folder();
  const fs::path above = larmor::testing::make_temporary_folder("lgg-above");
  fs::rename(root, above / "kaggle_3m");
  EXPECT_EQ(open(above)->cases().size(), 6u);
}

TEST(Lgg, MarkerMakesAPhantom) {
  const fs::path root = make_lgg_folder();
  write_file_atomically(root / "PHANTOM.txt", "synthetic\n");
  EXPECT_TRUE(open(root)->is_phantom());
}

TEST(Lgg, ExcludedPatientsAreNotLookedAt) {
  const fs::path root = make_lgg_folder();
  cut_file(mask_file(root, kFirst, 1), 20);
  const auto source = make_lgg({.root = root.string(), .exclude = {"TCGA_AA_0001"}});
  ASSERT_EQ(source->studies().size(), 1u);
  EXPECT_EQ(source->studies()[0].subject, kSecond);
}

TEST(Lgg, FingerprintTellsNamesAndSizes) {
  const fs::path root = make_lgg_folder();
  const std::string before = open(root)->fingerprint();
  EXPECT_EQ(before.size(), 64u);
  EXPECT_EQ(open(root)->fingerprint(), before);
  EXPECT_NE(make_lgg({.root = root.string(), .exclude = {kFirst}})->fingerprint(), before);
  testing::write_plainly(image_file(root, kFirst, 1), testing::make_slice(1, 16, 8));
  testing::write_plainly(mask_file(root, kFirst, 1), testing::make_mask(1, 16, 8));
  EXPECT_NE(open(root)->fingerprint(), before);
}

TEST(Lgg, FindingsTellWhatIsOdd) {
  const fs::path root = make_lgg_folder(5);
  fs::remove(image_file(root, kFirst, 4));
  fs::remove(image_file(root, kSecond, 2));
  fs::remove(mask_file(root, kSecond, 2));
  write_file_atomically(root / kFirst / "notes.txt", "");
  write_file_atomically(root / kFirst / (kFirst + "_99999999999999999999.tif"), "");
  make_folder(root / "empty");
  imaging::Image grey = testing::make_mask(0);
  grey.data<uint8_t>()[5] = 7;
  testing::write_plainly(mask_file(root, kFirst, 1), grey);
  write_file_atomically(root / "data.csv", "Patient,age\nTCGA_AA_0002,3\n");
  const auto source = open(root);
  const std::string odd_name = " is not named " + kFirst + "_<number>.tif or " + kFirst + "_<number>_mask.tif; it is not used";
  EXPECT_EQ(
      texts(source->findings()),
      (Texts{kFirst + "/" + kFirst + "_99999999999999999999.tif:" + odd_name, kFirst + "/notes.txt:" + odd_name, "empty: holds no slice",
             kFirst + "/" + kFirst + "_4_mask.tif: is a mask without an image; it is not used", kSecond + ": has no slice 2",
             kFirst + "/" + kFirst + "_1_mask.tif: has values other than 0 and 255; all above 0 count as foreground",
             kFirst + ": has no row in data.csv"}));
  EXPECT_EQ(source->cases()[0].foreground, 1);
  EXPECT_EQ(source->cases().size(), 8u);
}

TEST(Lgg, GoesOnWithoutATable) {
  const fs::path root = make_lgg_folder();
  fs::remove(root / "data.csv");
  EXPECT_EQ(texts(open(root)->findings()), Texts{"data.csv: is not there: nothing is known of the patients"});
}

/// Slices before the first and after the last are the border slice, not another patient's.
TEST(Lgg, ComposesNeighboursWithinAPatient) {
  const auto source = make_lgg({.root = make_lgg_folder(3).string(), .channels = {"T1"}, .input = "neighbours"});
  EXPECT_EQ(source->channel_names(), (std::vector<std::string>{"T1 z-1", "T1", "T1 z+1"}));
  const auto first_pixel = [&](int64_t index) {
    const RawSample sample = source->load(index);
    const uint8_t* values = sample.image.data<uint8_t>();
    return std::vector<int>(values, values + 3);
  };
  EXPECT_EQ(first_pixel(0), (std::vector<int>{10, 10, 20}));
  EXPECT_EQ(first_pixel(1), (std::vector<int>{10, 20, 30}));
  EXPECT_EQ(first_pixel(2), (std::vector<int>{20, 30, 30}));
  EXPECT_EQ(first_pixel(3), (std::vector<int>{10, 10, 20}));
}

TEST(LggError, MissingMask) {
  const fs::path root = make_lgg_folder();
  fs::remove(mask_file(root, kFirst, 2));
  ErrorKind kind{};
  EXPECT_EQ(message_of([&] { open(root); }, &kind),
            kFirst + "/" + kFirst + "_2.tif: has no mask " + kFirst +
                "_2_mask.tif; add it, set data.on_missing_mask=skip or exclude the case with data.exclude=[" + kFirst + "]");
  EXPECT_EQ(kind, ErrorKind::data);
  const auto source = make_lgg({.root = root.string(), .on_missing_mask = "skip"});
  EXPECT_EQ(source->cases().size(), 5u);
  EXPECT_EQ(texts(source->findings()), Texts{kFirst + "/" + kFirst + "_2.tif: has no mask " + kFirst + "_2_mask.tif"});
}

TEST(LggError, MaskOfAnotherSize) {
  const fs::path root = make_lgg_folder();
  testing::write_plainly(mask_file(root, kSecond, 3), testing::make_mask(1, 8, 9));
  ErrorKind kind{};
  EXPECT_EQ(message_of([&] { open(root); }, &kind),
            kSecond + "/" + kSecond +
                "_3_mask.tif: is 8 x 9, but its image is 8 x 8; fetch it again or exclude the case with data.exclude=[" + kSecond + "]");
  EXPECT_EQ(kind, ErrorKind::data);
}

TEST(LggError, CutOffFiles) {
  for (const bool is_mask : {true, false}) {
    const fs::path root = make_lgg_folder();
    const fs::path file = is_mask ? mask_file(root, kFirst, 3) : image_file(root, kFirst, 3);
    cut_file(file, 200);
    const std::string reason = message_of([&] { imaging::read_image(file); }).substr((file.string() + ": ").size());
    EXPECT_TRUE(reason.starts_with("200 bytes, but its header promises at least ")) << reason;
    ErrorKind kind{};
    EXPECT_EQ(message_of([&] { open(root); }, &kind), kFirst + "/" + file.filename().string() + ": " + reason +
                                                          "; fetch it again or exclude the case with data.exclude=[" + kFirst + "]");
    EXPECT_EQ(kind, ErrorKind::data);
  }
}

TEST(LggError, FileOfAnotherKind) {
  const fs::path root = make_lgg_folder();
  testing::write_plainly(image_file(root, kFirst, 1), testing::make_mask(1));
  EXPECT_EQ(message_of([&] { open(root); }),
            kFirst + "/" + kFirst +
                "_1.tif: holds 1 channel of u8; must be 3 channels of u8; fetch it again or exclude the case with data.exclude=[" + kFirst +
                "]");
  testing::write_plainly(image_file(root, kFirst, 1), testing::make_slice(1));
  testing::write_plainly(mask_file(root, kFirst, 1), imaging::convert(testing::make_mask(1), imaging::PixelType::u16));
  EXPECT_EQ(message_of([&] { open(root); }),
            kFirst + "/" + kFirst +
                "_1_mask.tif: holds 1 channel of u16; must be 1 channel of u8; fetch it again or exclude the case with data.exclude=[" +
                kFirst + "]");
}

TEST(LggError, SeveralBadFilesAreCountedAndAllListedWhenSkipping) {
  const fs::path root = make_lgg_folder();
  write_file_atomically(mask_file(root, kFirst, 2), "not a TIFF file");
  write_file_atomically(image_file(root, kFirst, 3), "");
  fs::remove(mask_file(root, kSecond, 1));
  const std::string message = message_of([&] { open(root); });
  EXPECT_TRUE(message.ends_with(" (and 2 more; larmor inspect " + root.string() + " lists all)")) << message;
  const auto source = open_all(root);
  EXPECT_EQ(source->cases().size(), 3u);
  std::set<std::string> files;
  for (const Finding& finding : source->findings()) files.insert(finding.file);
  EXPECT_EQ(files, (std::set<std::string>{kFirst + "/" + kFirst + "_2_mask.tif", kFirst + "/" + kFirst + "_3.tif",
                                          kSecond + "/" + kSecond + "_1.tif"}));
}

TEST(LggError, SliceNumberTwice) {
  const fs::path root = make_lgg_folder();
  fs::copy_file(image_file(root, kFirst, 2), root / kFirst / (kFirst + "_02.tif"));
  EXPECT_EQ(message_of([&] { open(root); }), kFirst + "/" + kFirst + "_2.tif: is slice 2 a second time, after " + kFirst + "/" + kFirst +
                                                 "_02.tif; fetch it again or exclude the case with data.exclude=[" + kFirst + "]");
}

TEST(LggError, FileLostAfterOpening) {
  const fs::path root = make_lgg_folder();
  const auto source = open(root);
  fs::remove(image_file(root, kFirst, 1));
  EXPECT_EQ(message_of([&] { source->load(0); }),
            kFirst + "/" + kFirst +
                "_1.tif: cannot be read: No such file or directory; fetch it again or exclude the case with data.exclude=[" + kFirst + "]");
}

TEST(LggError, MissingFolder) {
  ErrorKind kind{};
  EXPECT_EQ(message_of([] { open("/nowhere/kaggle_3m"); }, &kind),
            "data.root: /nowhere/kaggle_3m: no such folder; it should be the folder kaggle_3m of the LGG set");
  EXPECT_EQ(kind, ErrorKind::data);
  EXPECT_EQ(message_of([] { open(""); }, &kind), "data.root: no folder is given; set data.root to the folder kaggle_3m");
  EXPECT_EQ(kind, ErrorKind::usage);
}

TEST(LggError, FolderWithoutPatients) {
  const fs::path root = larmor::testing::make_temporary_folder("lgg-empty");
  EXPECT_EQ(message_of([&] { open(root); }),
            "data.root: " + root.string() + ": holds no patient's folder; it should be the folder kaggle_3m of the LGG set");
  make_folder(root / "a");
  EXPECT_EQ(message_of([&] { open(root); }), "data.root: " + root.string() + ": holds no slice that can be used: a: holds no slice");
}

TEST(LggError, FolderWithoutUsableSlices) {
  const fs::path root = larmor::testing::make_temporary_folder("lgg-png"), grey = larmor::testing::make_temporary_folder("lgg-grey");
  make_folder(root / "p");
  make_folder(grey / "p");
  const imaging::Image flat = imaging::Image::make({8, 8, 1}, 1, imaging::PixelType::u8);
  for (const char* name : {"p_1", "p_1_mask", "p_2", "p_2_mask"}) {
    imaging::write_image(root / "p" / (name + std::string(".png")), flat);
    imaging::write_image(grey / "p" / (name + std::string(".tif")), flat);
  }
  EXPECT_EQ(message_of([&] { open(root); }),
            "data.root: " + root.string() +
                ": holds no slice that can be used: p/p_1.png: is not named p_<number>.tif or p_<number>_mask.tif; it is not used "
                "(and 3 more)");
  EXPECT_EQ(message_of([&] { make_lgg({.root = grey.string(), .on_bad_file = "skip"}); }),
            "data.root: " + grey.string() +
                ": holds no slice that can be used: p/p_1.tif: holds 1 channel of u8; must be 3 channels of u8 (and 1 more)");
  EXPECT_EQ(message_of([&] { make_lgg({.root = grey.string(), .exclude = {"p"}}); }),
            "data.root: " + grey.string() + ": holds no slice that can be used: data.exclude names every patient");
}

TEST(LggError, UnknownExclude) {
  const fs::path root = make_lgg_folder();
  ErrorKind kind{};
  EXPECT_EQ(message_of([&] { make_lgg({.root = root.string(), .exclude = {"TCGA_AA_0001_19990102"}}); }, &kind),
            "data.exclude: unknown subject 'TCGA_AA_0001_19990102'; nearest: 'TCGA_AA_0001_19990101'");
  EXPECT_EQ(kind, ErrorKind::usage);
}

TEST(LggError, TornTable) {
  const fs::path root = make_lgg_folder();
  write_file_atomically(root / "data.csv", "Patient,age\nTCGA_AA_0001,3,4\n");
  const std::string message = message_of([&] { open(root); });
  EXPECT_TRUE(message.starts_with((root / "data.csv").string() + ":2: ")) << message;
  EXPECT_EQ(open_all(root)->findings().size(), 1u);
}

TEST(LggError, OptionsAreChecked) {
  ErrorKind kind{};
  const auto make = [](const std::string& yaml) { registry().at("lgg").make(parse_yaml(yaml, "a.yaml")); };
  EXPECT_EQ(message_of([&] { make("{channels: [T1, FLAIRE]}"); }, &kind),
            "a.yaml:1: channels: entry 2: unknown value 'FLAIRE'; nearest: 'FLAIR'");
  EXPECT_EQ(kind, ErrorKind::usage);
  EXPECT_EQ(message_of([&] { make("{channels: []}"); }), "a.yaml:1: channels: must name at least one sequence");
}

TEST(LggData, ExcerptIsReadWhole) {
  const fs::path root = larmor::testing::lgg_data();
  LARMOR_NEEDS(root, "the LGG excerpt");
  const auto source = open(root);
  EXPECT_EQ(source->studies().size(), 9u);
  EXPECT_EQ(source->cases().size(), 183u);
  int64_t positive = 0;
  for (size_t i = 0; i < source->cases().size(); ++i) {
    const CaseInfo& info = source->cases()[i];
    positive += info.foreground > 0;
    const RawSample sample = source->load(static_cast<int64_t>(i));
    ASSERT_EQ(sample.key, info.key);
    ASSERT_EQ(sample.image.size, (std::array<int64_t, 3>{256, 256, 1}));
    ASSERT_EQ(sample.label.size, sample.image.size);
    const uint8_t* label = sample.label.data<uint8_t>();
    ASSERT_EQ(std::count(label, label + 65536, 1), info.foreground);
  }
  EXPECT_EQ(positive, 65);
  EXPECT_TRUE(source->findings().empty());
  for (const Study& study : source->studies()) {
    for (size_t i = 0; i < study.cases.size(); ++i) {
      EXPECT_EQ(source->cases()[static_cast<size_t>(study.cases[i])].key.slice, static_cast<int64_t>(i) + 1) << study.subject;
    }
    EXPECT_FALSE(study.metadata.at("neoplasm_histologic_grade").empty()) << study.subject;
  }
}

}  // namespace
}  // namespace larmor::datasets
