#include "eval/review.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/eval/support.h"

namespace larmor::eval {
namespace {

using testing::mask_of;

/// A row of digits is a row of probabilities in tenths.
at::Tensor probabilities_of(const std::vector<std::string>& rows) {
  const auto height = static_cast<int64_t>(rows.size()), width = static_cast<int64_t>(rows[0].size());
  at::Tensor p = at::empty({1, height, width}, at::kFloat);
  for (int64_t y = 0; y < height; ++y) {
    for (int64_t x = 0; x < width; ++x) p[0][y][x] = (rows[static_cast<size_t>(y)][static_cast<size_t>(x)] - '0') / 10.0;
  }
  return p;
}

Uncertainty maps_of(const std::vector<std::string>& entropy, const std::vector<std::string>& information = {}) {
  return {probabilities_of(entropy)[0], information.empty() ? at::Tensor() : probabilities_of(information)[0]};
}

TEST(Review, RegionsAreThePredictionAndBothSidesOfItsOutline) {
  ReviewSums sums;
  sums.add(mask_of({"00000", "01110", "01110", "01110", "00000"}),
           maps_of({"12221", "23432", "24942", "23432", "12221"}, {"11111", "11111", "11311", "11111", "11111"}), 4);
  EXPECT_EQ(sums.inside.pixels, 9);
  EXPECT_EQ(sums.border.pixels, 8 + 12);  // the middle pixel touches no side, and corners touch by no face
  EXPECT_EQ(sums.both.pixels, 21);
  const ReviewRow row = review_row("a", sums, std::vector<int64_t>{9, 7, 12}, 2.5);
  EXPECT_NEAR(row.entropy_inside, (4 * 3 + 4 * 4 + 9) / 90.0, 1e-7);
  EXPECT_NEAR(row.entropy_border, (4 * 3 + 4 * 4 + 12 * 2) / 200.0, 1e-7);
  EXPECT_NEAR(row.uncertainty, (4 * 3 + 4 * 4 + 9 + 12 * 2) / 210.0, 1e-7);
  EXPECT_NEAR(row.mutual_information, (20 + 3) / 210.0, 1e-7);
  EXPECT_EQ(row.volume, 22.5);
  EXPECT_EQ(row.volume_low, 17.5);
  EXPECT_EQ(row.volume_high, 30);
  EXPECT_EQ(row.unit, "mm3");
  EXPECT_EQ(row.members, 3);
}

TEST(Review, WithoutPredictionTheHighestEntropyCounts) {
  ReviewSums sums;
  sums.add(mask_of({"000", "000"}), maps_of({"010", "000"}), 1);
  sums.add(mask_of({"000", "000"}), maps_of({"000", "080"}), 2);
  const ReviewRow row = review_row("a", sums, std::vector<int64_t>{0}, std::nan(""));
  EXPECT_NEAR(row.uncertainty, 0.8, 1e-7);
  EXPECT_TRUE(std::isnan(row.entropy_inside) && std::isnan(row.entropy_border) && std::isnan(row.mutual_information));
  EXPECT_TRUE(std::isnan(row.volume_low) && std::isnan(row.volume_high));
  EXPECT_EQ(row.volume, 0);
  EXPECT_EQ(row.unit, "px");
  EXPECT_EQ(row.slices, 2);
  EXPECT_EQ(row.most_uncertain_slice, 2);
}

TEST(Review, TheFirstOfEquallyUncertainSlicesIsNamedInAnyOrder) {
  const imaging::Image mask = mask_of({"01"});
  for (const std::vector<int64_t>& numbers : {std::vector<int64_t>{3, 7, 9}, {9, 3, 7}, {7, 9, 3}}) {
    ReviewSums sums;
    for (const int64_t number : numbers) sums.add(mask, maps_of({number == 9 ? "11" : "22"}), number);
    EXPECT_EQ(review_row("a", sums, {}, std::nan("")).most_uncertain_slice, 3);
  }
}

TEST(VolumeMembers, CountsWhatEachMemberFinds) {
  VolumeMembers members(0.5, false);
  members.add(0, probabilities_of({"05", "90"}));
  members.add(0, probabilities_of({"04", "90"}));
  members.add(1, probabilities_of({"99", "99"}));
  members.add(1, probabilities_of({"00", "00"}));
  EXPECT_EQ(members.members(), 2);
  EXPECT_EQ(members.foreground(std::vector<int64_t>{1, 2}), (std::vector<int64_t>{6, 1}));
  EXPECT_NEAR(members.take(1).mutual_information[0][0].item<double>(), 0.9927744539878083 - 0.4689955935892812 / 2, 1e-6);
}

/// Each member is cut like the prediction: slices that lie apart do not touch, whatever their order.
TEST(VolumeMembers, LargestComponentOfEachMember) {
  const at::Tensor left = probabilities_of({"900", "900"}), right = probabilities_of({"009", "000"}),
                   none = probabilities_of({"000", "000"});
  VolumeMembers members(0.5, true);
  for (const auto& [slice, first, second] : {std::tuple{0, left, right}, {1, left, right}, {2, none, right}}) {
    members.add(static_cast<size_t>(slice), first);
    members.add(static_cast<size_t>(slice), second);
  }
  VolumeMembers apart = members;
  EXPECT_EQ(members.foreground(std::vector<int64_t>{6, 5, 7}), (std::vector<int64_t>{4, 3}));
  EXPECT_EQ(apart.foreground(std::vector<int64_t>{5, 6, 9}), (std::vector<int64_t>{4, 2}));
}

TEST(VolumeMembers, AnyForegroundClassCounts) {
  VolumeMembers members(0.5, false);
  const at::Tensor p = at::tensor({0.2f, 0.5f, 0.3f, 0.6f, 0.1f, 0.3f, 0.2f, 0.4f, 0.4f}).reshape({3, 1, 3});
  members.add(0, p);
  EXPECT_EQ(members.foreground(std::vector<int64_t>{1}), (std::vector<int64_t>{2}));
}

TEST(Review, TheMostUncertainFirst) {
  std::vector<ReviewRow> rows(4);
  rows[0].name = "b";
  rows[1].name = "a";
  rows[2].name = "sure";
  rows[3].name = "doubtful";
  rows[0].uncertainty = rows[1].uncertainty = 0.3;
  rows[2].uncertainty = 0.01;
  rows[3].uncertainty = 0.5;
  rows[3].volume_low = std::nan("");
  sort_for_review(rows);
  std::vector<std::string> names;
  for (const ReviewRow& row : rows) names.push_back(row.name);
  EXPECT_EQ(names, (std::vector<std::string>{"doubtful", "a", "b", "sure"}));
  const CsvTable table = review_table(rows);
  EXPECT_EQ(table.rows[0][table.column("case")], "doubtful");
  EXPECT_EQ(table.rows[0][table.column("volume_low")], "");
  EXPECT_EQ(table.rows[0][table.column("uncertainty")], "0.5");
  EXPECT_EQ(table.header.back(), "most_uncertain_slice");
  for (ReviewRow& row : rows) row.dice = 0.25;
  const CsvTable scored = review_table(rows);
  EXPECT_EQ(scored.rows[3][scored.column("dice")], "0.25");
}

}  // namespace
}  // namespace larmor::eval
