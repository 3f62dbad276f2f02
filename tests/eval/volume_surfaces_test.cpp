#include "eval/volume_surfaces.h"

#include <gtest/gtest.h>

#include "tests/eval/support.h"

namespace larmor::eval {
namespace {

using imaging::Image;
using testing::mask_of;
using testing::message_of;

const std::vector<std::string> kNothing = {"00000", "00000", "00000", "00000"};
const std::vector<std::string> kLeft = {"00000", "01000", "01000", "00000"};
const std::vector<std::string> kRight = {"00000", "00010", "00020", "00000"};

MaskedSlice slice(const std::string& subject, int64_t number, const std::vector<std::string>& truth,
                  const std::vector<std::string>& prediction, const std::string& session = "") {
  return {{subject, session, number}, mask_of(truth), mask_of(prediction)};
}

/// The same slices as one volume each.
SurfaceScore of_volumes(const std::vector<std::vector<std::string>>& truth, const std::vector<std::vector<std::string>>& prediction) {
  const auto stack = [](const std::vector<std::vector<std::string>>& slices) {
    Image volume = mask_of(slices[0]);
    volume.size[2] = static_cast<int64_t>(slices.size());
    for (size_t i = 1; i < slices.size(); ++i) {
      const Image next = mask_of(slices[i]);
      volume.bytes.insert(volume.bytes.end(), next.bytes.begin(), next.bytes.end());
    }
    return volume;
  };
  const Image a = stack(truth), b = stack(prediction);
  return score_surfaces(measure_surfaces(a, b), {1, 2}, diagonal_of(a.size, a.geometry));
}

void expect_equal(const SurfaceScore& actual, const SurfaceScore& expected) {
  EXPECT_EQ(actual.present, expected.present);
  EXPECT_DOUBLE_EQ(actual.hd95, expected.hd95);
  EXPECT_DOUBLE_EQ(actual.assd, expected.assd);
  ASSERT_EQ(actual.nsd.size(), expected.nsd.size());
  for (size_t i = 0; i < expected.nsd.size(); ++i) EXPECT_DOUBLE_EQ(actual.nsd[i], expected.nsd[i]);
}

SurfaceScore score_one(const std::vector<MaskedSlice>& slices, uint8_t label = 0) {
  VolumeSurfaces surfaces({SurfaceElements::surfels, {1, 2}});
  for (const MaskedSlice& one : slices) surfaces.add(one);
  return surfaces.score({label}, 2).at(slices[0].key.subject)[0];
}

TEST(VolumeSurfaces, SlicesOfAnyOrderMakeTheVolume) {
  const SurfaceScore expected = of_volumes({kNothing, kLeft, kLeft, kNothing, kRight}, {kNothing, kRight, kLeft, kNothing, kNothing});
  expect_equal(score_one({slice("a", 7, kRight, kNothing), slice("a", 3, kNothing, kNothing), slice("a", 5, kLeft, kLeft),
                          slice("a", 4, kLeft, kRight), slice("a", 6, kNothing, kNothing)}),
               expected);
}

TEST(VolumeSurfaces, AMissingNumberIsAnEmptySlice) {
  expect_equal(score_one({slice("a", 3, kLeft, kLeft), slice("a", 5, kRight, kLeft)}),
               of_volumes({kLeft, kNothing, kRight}, {kLeft, kNothing, kLeft}));
}

TEST(VolumeSurfaces, OneSliceOfAVolumeIsNotFlat) {
  const SurfaceScore in_volume = score_one({slice("a", 3, kLeft, kRight), slice("a", 4, kNothing, kNothing)});
  expect_equal(in_volume, of_volumes({kLeft, kNothing}, {kRight, kNothing}));
  expect_equal(score_one({slice("a", -1, kLeft, kRight)}), of_volumes({kLeft}, {kRight}));
}

TEST(VolumeSurfaces, LabelsAreMeasuredOneByOne) {
  const std::vector<std::string> only_one = {"00000", "00010", "00000", "00000"}, only_two = {"00000", "00000", "00010", "00000"};
  const std::vector<MaskedSlice> slices = {slice("a", 1, kRight, kRight), slice("a", 2, kRight, kLeft)};
  expect_equal(score_one(slices, 1), of_volumes({only_one, only_one}, {only_one, kLeft}));
  expect_equal(score_one(slices, 2), of_volumes({only_two, only_two}, {only_two, kNothing}));
}

TEST(VolumeSurfaces, ALesionMissedInThePredictionIsTheDiagonalOfTheVolume) {
  const SurfaceScore score = score_one({slice("a", 1, kLeft, kNothing), slice("a", 2, kNothing, kNothing)});
  EXPECT_EQ(score.present, SurfacesPresent::one);
  EXPECT_DOUBLE_EQ(score.hd95, std::hypot(5, 4, 2));
  EXPECT_EQ(score.nsd, (std::vector<double>{0, 0}));
  EXPECT_EQ(score_one({slice("a", 1, kNothing, kNothing)}).present, SurfacesPresent::none);
}

TEST(VolumeSurfaces, SessionsAreAveraged) {
  const SurfaceScore score = score_one({slice("a", 1, kLeft, kLeft, "first"), slice("a", 1, kLeft, kNothing, "second")});
  EXPECT_DOUBLE_EQ(score.hd95, std::hypot(5, 4) / 2);
  EXPECT_EQ(score.nsd, (std::vector<double>{0.5, 0.5}));
  EXPECT_EQ(score.present, SurfacesPresent::one);
}

TEST(VolumeSurfaces, SpacingDecidesTheUnit) {
  VolumeSurfaces pixels({SurfaceElements::surfels, {1}}), millimetres = pixels;
  MaskedSlice one = slice("a", 1, kLeft, kRight);
  pixels.add(one);
  EXPECT_EQ(pixels.unit(), "px");
  one.truth.geometry.has_spacing = true;
  one.truth.geometry.spacing_mm = {3, 1, 1};
  millimetres.add(one);
  EXPECT_EQ(millimetres.unit(), "mm");
  EXPECT_DOUBLE_EQ(millimetres.score({0}, 1).at("a")[0].hd95, 3 * pixels.score({0}, 1).at("a")[0].hd95);
}

TEST(VolumeSurfacesError, SlicesOfOtherSpacing) {
  VolumeSurfaces surfaces({SurfaceElements::surfels, {}});
  MaskedSlice spaced = slice("a", 1, kLeft, kLeft);
  spaced.truth.geometry.has_spacing = true;
  spaced.truth.geometry.spacing_mm = {0.5, 0.5, 3};
  surfaces.add(spaced);
  spaced.key.slice = 2;
  spaced.truth.geometry.spacing_mm[2] = 3.00001;  // rounded in the file
  surfaces.add(spaced);
  spaced.key.slice = 3;
  spaced.truth.geometry.spacing_mm[2] = 5;
  EXPECT_EQ(message_of([&] { surfaces.add(spaced); }),
            "a:3: its voxels are 0.5 x 0.5 x 5 mm, those of the slices before of its volume 0.5 x 0.5 x 3 mm: surface distances need one "
            "spacing; without them: task.surface_distances: never (--no-surface-distances)");
  spaced.key.subject = "b";
  surfaces.add(spaced);  // another volume
}

TEST(VolumeSurfacesError, SlicesThatDoNotFit) {
  const std::string how = "; without them: task.surface_distances: never (--no-surface-distances)";
  VolumeSurfaces surfaces({SurfaceElements::surfels, {}});
  surfaces.add(slice("a", 1, kLeft, kLeft));
  EXPECT_EQ(message_of([&] { surfaces.add(slice("a", 2, {"000"}, {"000"})); }),
            "a:2: is 3 x 1, the slices before of its volume are 5 x 4: surface distances need one size" + how);
  MaskedSlice spaced = slice("b", 2, kLeft, kLeft);
  spaced.truth.geometry.has_spacing = true;
  EXPECT_EQ(message_of([&] { surfaces.add(spaced); }),
            "b:2: has a spacing, unlike the slices before: surface distances need one unit" + how);
  EXPECT_EQ(
      message_of([&] { surfaces.add(slice("a", 100001, kLeft, kLeft)); }),
      "a:100001: the slices of its volume are numbered from 1 to 100001, more than 100000: no distances are taken over such gaps" + how);
}

}  // namespace
}  // namespace larmor::eval
