#include "eval/lesions.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <numeric>

#include "tests/eval/support.h"

namespace larmor::eval {
namespace {

using imaging::Image;
using testing::mask_of;

/// Slices of digits as one volume.
Image volume_of(const std::vector<std::vector<std::string>>& slices) {
  Image volume = mask_of(slices[0]);
  volume.size[2] = static_cast<int64_t>(slices.size());
  for (size_t i = 1; i < slices.size(); ++i) {
    const Image next = mask_of(slices[i]);
    volume.bytes.insert(volume.bytes.end(), next.bytes.begin(), next.bytes.end());
  }
  return volume;
}

/// 0.01 for the first voxel, 0.02 for the next …
std::vector<float> rising(const Image& mask) {
  std::vector<float> values(static_cast<size_t>(mask.voxels()));
  for (size_t i = 0; i < values.size(); ++i) values[i] = 0.01f * static_cast<float>(i + 1);
  return values;
}

LesionMatch match(const Image& truth, const Image& prediction, const LesionOptions& options = {}, double voxel_mm3 = 0) {
  return match_lesions(truth, prediction, rising(truth), voxel_mm3, options);
}

std::vector<std::string> outcomes_of(const LesionMatch& match) {
  std::vector<std::string> names;
  for (const Lesion& lesion : match.lesions) names.push_back(to_string(lesion.outcome) + " " + std::to_string(lesion.voxels));
  return names;
}

const Image kTruth = mask_of({"1100", "1100", "0000", "0011"});

TEST(Lesions, FoundMissedAndFalse) {
  const LesionMatch found = match(kTruth, mask_of({"0110", "0000", "1000", "1000"}));
  EXPECT_EQ(found.truth, 2);
  EXPECT_EQ(found.found, 1);
  EXPECT_EQ(found.predicted, 2);
  EXPECT_EQ(found.hits, 1);
  EXPECT_EQ(found.false_positives, 1);
  EXPECT_EQ(outcomes_of(found), (std::vector<std::string>{"hit 2", "false_positive 2", "missed 2"}));
}

TEST(Lesions, BoxAndConfidence) {
  const Image truth = volume_of({{"000", "000"}, {"000", "010"}, {"000", "010"}});
  const LesionMatch found = match(truth, volume_of({{"000", "000"}, {"000", "011"}, {"000", "000"}}));
  ASSERT_EQ(found.lesions.size(), 1u);
  const Lesion& lesion = found.lesions[0];
  EXPECT_EQ(lesion.first, (std::array<int64_t, 3>{1, 1, 1}));
  EXPECT_EQ(lesion.last, (std::array<int64_t, 3>{2, 1, 1}));
  EXPECT_FLOAT_EQ(static_cast<float>(lesion.confidence_max), 0.12f);
  EXPECT_FLOAT_EQ(static_cast<float>(lesion.confidence_mean), 0.115f);
  const LesionMatch missed = match(truth, volume_of({{"000", "000"}, {"000", "000"}, {"000", "000"}}));
  ASSERT_EQ(missed.lesions.size(), 1u);
  EXPECT_EQ(missed.lesions[0].last, (std::array<int64_t, 3>{1, 1, 2}));
  EXPECT_FLOAT_EQ(static_cast<float>(missed.lesions[0].confidence_mean), 0.14f);
}

TEST(Lesions, CornersDoNotJoin) {
  EXPECT_EQ(match(mask_of({"10", "01"}), mask_of({"00", "00"})).truth, 2);
  EXPECT_EQ(match(volume_of({{"10"}, {"01"}}), volume_of({{"00"}, {"00"}})).truth, 2);
  EXPECT_EQ(match(volume_of({{"10"}, {"10"}}), volume_of({{"00"}, {"00"}})).truth, 1);
}

TEST(Lesions, OverlapIsOfTheTrueLesion) {
  const Image prediction = mask_of({"1100", "0000", "0000", "0000"});  // half of the first
  EXPECT_EQ(match(kTruth, prediction, {.overlap = 0.5}).found, 1);
  const LesionMatch missed = match(kTruth, prediction, {.overlap = 0.51});
  EXPECT_EQ(missed.found, 0);
  EXPECT_EQ(outcomes_of(missed), (std::vector<std::string>{"false_positive 2", "missed 4", "missed 2"}));
  // Two predicted lesions find one true one together.
  const LesionMatch both = match(mask_of({"1111"}), mask_of({"1101"}), {.overlap = 0.75});
  EXPECT_EQ(both.found, 1);
  EXPECT_EQ(both.hits, 2);
}

TEST(Lesions, SmallOnesDoNotCount) {
  const Image prediction = mask_of({"0000", "0000", "1000", "0010"});
  const LesionMatch small_truth = match(kTruth, prediction, {.smallest_voxels = 3});
  EXPECT_EQ(outcomes_of(small_truth), std::vector<std::string>{"missed 4"});
  // What meets nothing but a small true lesion is not false.
  const LesionMatch ignored = match(kTruth, mask_of({"0000", "0000", "0010", "0011"}), {.smallest_voxels = 3});
  EXPECT_EQ(outcomes_of(ignored), (std::vector<std::string>{"ignored 3", "missed 4"}));
  EXPECT_EQ(ignored.predicted, 1);
  EXPECT_EQ(ignored.false_positives, 0);
  // A small predicted lesion finds nothing.
  EXPECT_EQ(match(kTruth, mask_of({"1100", "0000", "0000", "0000"}), {.smallest_voxels = 3}).found, 0);
  EXPECT_EQ(match(kTruth, kTruth, {.smallest_mm3 = 7}, 2.0).truth, 1);
  EXPECT_EQ(match(kTruth, kTruth, {.smallest_mm3 = 4}, 2.0).truth, 2);
}

TEST(Lesions, NothingAnywhere) {
  const Image nothing = mask_of({"000"});
  const LesionMatch found = match(nothing, nothing);
  EXPECT_EQ(found.truth + found.predicted, 0);
  EXPECT_TRUE(found.lesions.empty());
}

Image any_mask(const std::array<int64_t, 3>& size) {
  Image mask = Image::make(size, 1, imaging::PixelType::u8);
  for (int64_t i = 0; i < mask.voxels(); ++i) mask.data<uint8_t>()[i] = *rc::gen::inRange(0, 3) == 0 ? 1 : 0;
  return mask;
}

LesionOptions any_options() {
  return {.overlap = *rc::gen::element(0.0, 0.25, 0.5, 1.0), .smallest_voxels = *rc::gen::inRange<int64_t>(1, 5)};
}

int64_t count_of(const LesionMatch& match, LesionOutcome outcome) {
  return std::count_if(match.lesions.begin(), match.lesions.end(), [&](const Lesion& lesion) { return lesion.outcome == outcome; });
}

const std::array<int64_t, 3> kSize{5, 4, 3};

RC_GTEST_PROP(Lesions, CountsAddUp, ()) {
  const LesionMatch found = match(any_mask(kSize), any_mask(kSize), any_options());
  RC_ASSERT(found.found + count_of(found, LesionOutcome::missed) == found.truth);
  RC_ASSERT(found.hits + found.false_positives + count_of(found, LesionOutcome::ignored) == found.predicted);
  RC_ASSERT(found.hits == count_of(found, LesionOutcome::hit));
  RC_ASSERT((found.hits > 0) == (found.found > 0));
}

RC_GTEST_PROP(Lesions, AMaskFindsItself, ()) {
  const Image mask = any_mask(kSize);
  const LesionMatch found = match(mask, mask, any_options());
  RC_ASSERT(found.found == found.truth);
  RC_ASSERT((found.hits == found.predicted && found.predicted == found.truth));
}

Image flipped(const Image& mask, size_t axis) {
  Image result = mask;
  for (int64_t i = 0; i < mask.voxels(); ++i) {
    std::array<int64_t, 3> place{i % mask.size[0], i / mask.size[0] % mask.size[1], i / (mask.size[0] * mask.size[1])};
    place[axis] = mask.size[axis] - 1 - place[axis];
    result.data<uint8_t>()[place[0] + mask.size[0] * (place[1] + mask.size[1] * place[2])] = mask.data<uint8_t>()[i];
  }
  return result;
}

RC_GTEST_PROP(Lesions, FlipsChangeNoCount, ()) {
  const Image truth = any_mask(kSize), prediction = any_mask(kSize);
  const LesionOptions options = any_options();
  const LesionMatch before = match(truth, prediction, options);
  for (size_t axis = 0; axis < 3; ++axis) {
    const LesionMatch after = match(flipped(truth, axis), flipped(prediction, axis), options);
    RC_ASSERT((after.truth == before.truth && after.found == before.found));
    RC_ASSERT((after.predicted == before.predicted && after.hits == before.hits));
    RC_ASSERT(after.false_positives == before.false_positives);
  }
}

RC_GTEST_PROP(Lesions, AStricterOverlapFindsNoMore, ()) {
  const Image truth = any_mask(kSize), prediction = any_mask(kSize);
  int64_t before = match(truth, prediction).truth;
  for (const double overlap : {0.0, 0.3, 0.6, 1.0}) {
    const int64_t found = match(truth, prediction, {.overlap = overlap}).found;
    RC_ASSERT(found <= before);
    before = found;
  }
}

}  // namespace
}  // namespace larmor::eval
