#include "eval/calibration.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>

#include "tests/eval/support.h"

namespace larmor::eval {
namespace {

using imaging::Image;
using testing::mask_of;

at::Tensor row_of(const std::vector<float>& p) { return at::tensor(p).reshape({1, 1, static_cast<int64_t>(p.size())}); }

TEST(Calibration, CountsByHand) {
  Calibration calibration;
  calibration.add(row_of({0.0f, 0.01f, 0.02f, 0.5f, 0.5f, 1.0f}), mask_of({"001011"}));
  calibration.add(row_of({1.0f, 0.97f}), mask_of({"01"}));
  const std::vector<ReliabilityBin> bins = calibration.bins();
  ASSERT_EQ(bins.size(), 15u);
  EXPECT_EQ(bins[0].pixels, 3);
  EXPECT_NEAR(bins[0].probability, 0.01, 1e-7);
  EXPECT_NEAR(bins[0].share, 1.0 / 3, 1e-12);
  EXPECT_EQ(bins[7].pixels, 2);
  EXPECT_EQ(bins[7].share, 0.5);
  EXPECT_EQ(bins[14].pixels, 3);  // 1 belongs to the last
  EXPECT_EQ(bins[14].high, 1);
  EXPECT_NEAR(bins[14].share, 2.0 / 3, 1e-12);
  EXPECT_TRUE(std::isnan(bins[3].probability) && std::isnan(bins[3].share));
  EXPECT_EQ(calibration.pixels(), 8);
  EXPECT_NEAR(calibration.expected_error(), (3 * std::abs(0.01 - 1.0 / 3) + 0 + 3 * std::abs(2.97 / 3 - 2.0 / 3)) / 8, 1e-7);
}

TEST(Calibration, SeveralClassesAreCountedByTheMostProbable) {
  const at::Tensor p = at::tensor({0.1f, 0.6f, 0.2f, 0.7f, 0.3f, 0.5f, 0.2f, 0.1f, 0.3f}).reshape({3, 1, 3});  // most probable: 1, 0, 1
  Calibration calibration;
  calibration.add(p, mask_of({"112"}));
  const std::vector<ReliabilityBin> bins = calibration.bins();
  EXPECT_EQ(bins[10].pixels, 1);  // 0.7, right
  EXPECT_EQ(bins[10].share, 1);
  EXPECT_EQ(bins[9].pixels, 1);  // 0.6, wrong
  EXPECT_EQ(bins[9].share, 0);
  EXPECT_EQ(bins[7].pixels, 1);  // 0.5, wrong
  EXPECT_NEAR(calibration.expected_error(), (0.3 + 0.6 + 0.5) / 3, 1e-6);
}

TEST(Calibration, NothingHasNoError) {
  const Calibration calibration;
  EXPECT_TRUE(std::isnan(calibration.expected_error()));
  EXPECT_EQ(calibration.pixels(), 0);
}

RC_GTEST_PROP(CalibrationLaws, CertainAndRightIsCalibratedCertainAndWrongIsNot, ()) {
  const auto width = *rc::gen::inRange<int64_t>(1, 40);
  Image truth = Image::make({width, 1, 1}, 1, imaging::PixelType::u8);
  std::vector<float> right, wrong;
  for (int64_t i = 0; i < width; ++i) {
    truth.data<uint8_t>()[i] = *rc::gen::element<uint8_t>(0, 1);
    right.push_back(truth.data<uint8_t>()[i]);
    wrong.push_back(1.0f - right.back());
  }
  Calibration sure, mistaken;
  sure.add(row_of(right), truth);
  mistaken.add(row_of(wrong), truth);
  RC_ASSERT(sure.expected_error() == 0);
  RC_ASSERT(mistaken.expected_error() == 1);
}

RC_GTEST_PROP(CalibrationLaws, SlicesMayComeInAnyOrderAndEveryPixelCounts, ()) {
  at::manual_seed(*rc::gen::inRange<uint64_t>(0, 1000));
  std::vector<std::pair<at::Tensor, Image>> slices;
  for (int i = 0; i < 4; ++i) {
    slices.emplace_back(at::rand({1, 3, 5}), Image::make({5, 3, 1}, 1, imaging::PixelType::u8));
    for (int64_t k = 0; k < 15; ++k) slices.back().second.data<uint8_t>()[k] = *rc::gen::element<uint8_t>(0, 255);
  }
  Calibration there, back;
  for (size_t i = 0; i < slices.size(); ++i) {
    there.add(slices[i].first, slices[i].second);
    back.add(slices[3 - i].first, slices[3 - i].second);
  }
  RC_ASSERT(there.pixels() == 60);
  RC_ASSERT(std::abs(there.expected_error() - back.expected_error()) < 1e-12);
  RC_ASSERT(there.expected_error() >= 0 && there.expected_error() <= 1);
}

}  // namespace
}  // namespace larmor::eval
