#include "eval/agreement.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "core/files.h"
#include "eval/overlap.h"
#include "tests/eval/support.h"
#include "tests/support/golden.h"

namespace larmor::eval {
namespace {

namespace fs = std::filesystem;
using imaging::Image;
using testing::mask_of;
using testing::message_of;

Image random_labels(uint8_t labels) {
  Image image = Image::make({6, 5, 4}, 1, imaging::PixelType::u8);
  for (int64_t i = 0; i < image.voxels(); ++i) {
    const auto value = *rc::gen::inRange(0, 3 * labels);
    image.data<uint8_t>()[i] = static_cast<uint8_t>(value > labels ? 0 : value);
  }
  return image;
}

TEST(CohenKappa, KnownTables) {
  EXPECT_NEAR(cohen_kappa(std::vector<int64_t>{20, 5, 10, 15}, 2), 0.4, 1e-12);
  EXPECT_NEAR(cohen_kappa(std::vector<int64_t>{45, 15, 25, 15}, 2), 6.0 / 46, 1e-12);
  EXPECT_NEAR(cohen_kappa(std::vector<int64_t>{25, 13, 12, 12, 2, 16, 3, 15, 2}, 3), -6.0 / 65, 1e-12);
  EXPECT_EQ(cohen_kappa(std::vector<int64_t>{0, 7, 3, 0}, 2), (0.0 - 2 * 21) / (100 - 2 * 21));  // agreeing nowhere
  EXPECT_EQ(cohen_kappa(std::vector<int64_t>{10, 0, 0, 0}, 2), 1);
  EXPECT_EQ(cohen_kappa(std::vector<int64_t>{7, 3, 0, 0}, 2), 0);  // one of them says always the same
}

TEST(Agreement, CountsOneCaseByHand) {
  const Image first = mask_of({"00000", "01120", "01120", "00000"}), second = mask_of({"00000", "01220", "01130", "00000"});
  const CaseAgreement one = agree("a", first, second);
  EXPECT_EQ(one.dice, 1);  // the foregrounds are one
  EXPECT_EQ(one.kappa, 1);
  EXPECT_EQ(one.hd95, 0);
  EXPECT_EQ(one.volume_first, 6);
  EXPECT_EQ(one.unit, "px");
  EXPECT_EQ(one.dice_of_labels.at(1), 2 * 3.0 / (4 + 3));
  EXPECT_EQ(one.dice_of_labels.at(2), 2 * 1.0 / (2 + 2));
  EXPECT_EQ(one.dice_of_labels.at(3), 0);
  const double by_chance = (14.0 * 14 + 4 * 3 + 2 * 2) / 400;
  EXPECT_NEAR(one.kappa_labels, (18 / 20.0 - by_chance) / (1 - by_chance), 1e-12);
}

TEST(Agreement, DistancesAndVolumesAreInMillimetresWhereThereAreAny) {
  Image first = Image::make({8, 8, 4}, 1, imaging::PixelType::u8), second = first;
  for (const auto& [image, z] : {std::pair{&first, 1}, {&second, 2}}) {
    for (int64_t i = 0; i < 4; ++i) image->data<uint8_t>()[(z * 8 + 3) * 8 + 2 + i] = 1;
  }
  EXPECT_EQ(agree("a", first, second).hd95, 1);
  first.geometry.has_spacing = second.geometry.has_spacing = true;
  first.geometry.spacing_mm = second.geometry.spacing_mm = {0.5, 0.5, 3};
  const CaseAgreement one = agree("a", first, second);
  EXPECT_EQ(one.hd95, 3);
  EXPECT_EQ(one.unit, "mm");
  EXPECT_EQ(one.volume_second, 3);
  EXPECT_EQ(one.dice, 0);
  EXPECT_TRUE(std::isnan(one.kappa_labels));
}

TEST(Agreement, EmptyMasks) {
  const Image nothing = mask_of({"000", "000", "000", "000"}), something = mask_of({"010", "000", "000", "000"});
  const CaseAgreement both = agree("a", nothing, nothing), one = agree("a", something, nothing);
  EXPECT_EQ(both.dice, 1);
  EXPECT_EQ(both.hd95, 0);
  EXPECT_EQ(both.kappa, 1);
  EXPECT_FALSE(both.one_empty);
  EXPECT_EQ(one.dice, 0);
  EXPECT_EQ(one.hd95, 5);  // 3 x 4
  EXPECT_EQ(one.kappa, 0);
  EXPECT_TRUE(one.one_empty);
}

RC_GTEST_PROP(AgreementLaws, ReadersMayBeExchanged, ()) {
  const auto labels = static_cast<uint8_t>(*rc::gen::inRange(1, 4));
  const Image a = random_labels(labels), b = random_labels(labels);
  const CaseAgreement there = agree("a", a, b), back = agree("a", b, a);
  RC_ASSERT(there.dice == back.dice && there.hd95 == back.hd95 && there.kappa == back.kappa);
  RC_ASSERT(there.dice_of_labels == back.dice_of_labels && there.volume_first == back.volume_second);
  RC_ASSERT(there.kappa_labels == back.kappa_labels || (std::isnan(there.kappa_labels) && std::isnan(back.kappa_labels)));
  RC_ASSERT(there.kappa <= 1 && there.kappa >= -1);
}

RC_GTEST_PROP(AgreementLaws, WithItselfEveryReaderAgrees, ()) {
  const Image a = random_labels(3);
  const CaseAgreement one = agree("a", a, a);
  RC_ASSERT(one.dice == 1 && one.hd95 == 0 && one.kappa == 1 && (std::isnan(one.kappa_labels) || one.kappa_labels == 1));
}

RC_GTEST_PROP(AgreementLaws, DiceIsThatOfTheOverlap, ()) {
  const Image a = random_labels(2), b = random_labels(2);
  const auto pixels = [](const Image& image) { return std::span(image.data<uint8_t>(), static_cast<size_t>(image.voxels())); };
  RC_ASSERT(agree("a", a, b).dice == count_overlap(pixels(a), pixels(b)).dice(1));
}

Agreement small_agreement() {
  Agreement agreement;
  for (const auto& [name, dice, hd95, kappa] : {std::tuple{"a", 0.8, 2.0, 0.7}, {"b", 0.6, 4.0, 0.5}}) {
    CaseAgreement one;
    one.name = name;
    one.dice = dice;
    one.hd95 = hd95;
    one.kappa = kappa;
    one.kappa_labels = std::nan("");
    one.unit = "mm";
    agreement.cases.push_back(one);
  }
  agreement.cases[1].one_empty = true;
  agreement.cases[1].kappa_labels = 0.4;
  agreement.cases[1].dice_of_labels = {{1, 0.5}, {4, 0.25}};
  agreement.only_second = {"c"};
  return agreement;
}

TEST(Agreement, MeansTellTheirCounts) {
  const std::vector<Metric> means = means_of(small_agreement().cases);
  ASSERT_EQ(means.size(), 6u);
  EXPECT_NEAR(means[0].value, 0.7, 1e-12);
  EXPECT_EQ(means[0].count, 2);
  EXPECT_TRUE(std::isnan(means[0].low));  // two cases have no interval
  EXPECT_EQ(means[1].unit, "mm");
  EXPECT_EQ(means[1].one_empty, 1);
  EXPECT_EQ(means[3].name, "kappa_labels");
  EXPECT_EQ(means[3].count, 1);
  EXPECT_EQ(means[5].name, "dice.4");
  EXPECT_EQ(means[5].value, 0.25);
}

TEST(Agreement, TextAndTable) {
  Agreement agreement = small_agreement();
  agreement.is_phantom = true;
  EXPECT_EQ(to_text(agreement),
            "readers  two, 2 cases   PHANTOM, no real readers\n"
            "                                          value   95 % interval   \n"
            "  Dice, foreground                       0.7000   –                    2 cases\n"
            "  HD95 in mm, foreground                 3.0000   –                    2 cases   1 with one mask empty\n"
            "  Cohen's kappa, foreground              0.6000   –                    2 cases\n"
            "  Cohen's kappa, all labels              0.4000   –                    1 case\n"
            "  Dice, label 1                          0.5000   –                    1 case\n"
            "  Dice, label 4                          0.2500   –                    1 case\n");
  const CsvTable table = agreement_table(agreement);
  EXPECT_EQ(table.header, (std::vector<std::string>{"case", "dice", "hd95", "kappa", "volume_first", "volume_second", "unit", "one_empty",
                                                    "kappa_labels", "dice.1", "dice.4"}));
  EXPECT_EQ(table.rows[0], (std::vector<std::string>{"a", "0.8", "2", "0.7", "0", "0", "mm", "0", "", "", ""}));
}

TEST(Agreement, ReadsWhatItWrote) {
  const fs::path folder = larmor::testing::make_temporary_folder("agreement");
  const Agreement agreement = small_agreement();
  write_file_atomically(folder / "a.json", to_json(agreement).dump());
  EXPECT_EQ(to_json(read_agreement((folder / "a.json").string())), to_json(agreement));
}

TEST(AgreementErrors, WholeMessages) {
  const std::string file = (larmor::testing::make_temporary_folder("agreement") / "a.json").string();
  const auto message = [&](const std::string& text) {
    write_file_atomically(file, text);
    return message_of([&] { read_agreement(file); });
  };
  const std::string other = file + ": is no agreement of readers (larmor-agreement/1); larmor agree writes agreement.json",
                    damaged = file + ": is damaged, or no JSON; larmor agree writes agreement.json";
  EXPECT_EQ(message(R"({"format": "larmor-evaluation/1"})"), other);
  EXPECT_EQ(message("[]"), other);
  EXPECT_EQ(message("case,dice\n"), damaged);
  EXPECT_EQ(message(R"({"format": "larmor-agreement/1"})"), damaged);
  nlohmann::json json = to_json(small_agreement());
  json["cases"][1]["dice_of_labels"] = {{"x", 0.5}};
  EXPECT_EQ(message(json.dump()), file + ": is damaged: a label is no number");
  json = to_json(small_agreement());
  json["cases"][0]["dice"] = "much";
  EXPECT_EQ(message(json.dump()), damaged);
  Agreement mixed = small_agreement();
  mixed.cases[1].unit = "px";
  EXPECT_EQ(message_of([&] { means_of(mixed.cases); }),
            "a stores a voxel size and b none: their distances have no common unit; compare them apart");
}

}  // namespace
}  // namespace larmor::eval
