#include "datasets/prepare_subject.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "datasets/siberian_cache.h"
#include "imaging/orient.h"
#include "tests/datasets/siberian_folder.h"
#include "tests/support/errors.h"

namespace larmor::datasets {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace): names of the fixture
using imaging::Image;
using imaging::PixelType;
using larmor::testing::data_error;
using larmor::testing::make_temporary_folder;

RawSubject subject_of(const fs::path& folder, const std::vector<std::string>& sequences, const std::string& extension = ".nii.gz") {
  RawSubject subject{.subject = "S"};
  for (const std::string& sequence : sequences)
    subject.sequences[sequence] = {sequence + extension, {folder / (sequence + extension)}, std::nullopt};
  subject.label = {"label" + extension, {folder / ("label" + extension)}, std::nullopt};
  return subject;
}

double dice(const Image& a, const Image& b) {
  int64_t both = 0, sum = 0;
  for (int64_t i = 0; i < a.voxels(); ++i) {
    both += a.data<uint8_t>()[i] != 0 && b.data<uint8_t>()[i] != 0;
    sum += (a.data<uint8_t>()[i] != 0) + (b.data<uint8_t>()[i] != 0);
  }
  return sum == 0 ? 1 : 2.0 * static_cast<double>(both) / static_cast<double>(sum);
}

/// A head as an ellipsoid over noise, with a smaller one drawn in it.
struct Scene {
  Image scan, label;
};

Scene draw_scene(const imaging::Point& centre, double radius) {
  Scene scene{Image::make({30, 34, 26}, 1, PixelType::i16), Image::make({30, 34, 26}, 1, PixelType::u8)};
  for (Image* image : {&scene.scan, &scene.label}) image->geometry = {{1.5, 1.2, 2}, {-20, 13, -40}, {1, 0, 0, 0, 1, 0, 0, 0, 1}, true};
  int64_t i = 0;
  for (int64_t z = 0; z < 26; ++z) {
    for (int64_t y = 0; y < 34; ++y) {
      for (int64_t x = 0; x < 30; ++x, ++i) {
        const auto dx = static_cast<double>(x), dy = static_cast<double>(y), dz = static_cast<double>(z);
        const double head = std::hypot((dx - 15) / 13, (dy - 17) / 15, (dz - 13) / 11);
        scene.scan.data<int16_t>()[i] = static_cast<int16_t>(head < 1 ? 300 + (i * 37) % 100 : (i * 37) % 10);
        scene.label.data<uint8_t>()[i] = std::hypot(dx - centre[0], dy - centre[1], dz - centre[2]) < radius;
      }
    }
  }
  return scene;
}

/// What is drawn on T1CE's own grid, whatever its axes, comes back from the prepared grid: exactly where that keeps T1CE's voxels, else
/// nearly.
RC_GTEST_PROP(PrepareSubject, LabelsComeBackToTheScan, ()) {
  const auto place = [](int64_t middle) { return static_cast<double>(middle + *rc::gen::inRange<int64_t>(-3, 4)); };
  const Scene scene = draw_scene({place(15), place(17), place(13)}, 5);
  imaging::AxisOrder order;
  const std::vector<std::array<int, 3>> sources{{0, 1, 2}, {2, 0, 1}, {1, 2, 0}, {0, 2, 1}};
  order.source = *rc::gen::elementOf(sources);
  for (bool& flipped : order.flipped) flipped = *rc::gen::arbitrary<bool>();
  const fs::path folder = make_temporary_folder("subject");
  imaging::write_image(folder / "T1CE.nrrd", reorder_axes(scene.scan, order));
  imaging::write_image(folder / "label.nrrd", reorder_axes(scene.label, order));
  PreparationOptions options;
  options.size = 48;
  options.crop = *rc::gen::arbitrary<bool>();
  options.spacing_mm = *rc::gen::element(0.0, 1.0, 1.3);
  const PreparedVolume prepared = prepare_subject(subject_of(folder, {"T1CE"}, ".nrrd"), {"T1CE"}, options, {{"tumour", 1}});
  RC_ASSERT(prepared.failure.empty());
  const Image drawn = imaging::read_image(folder / "label.nrrd"), back = to_scan(prepared.label, prepared.scan);
  RC_ASSERT(back.size == drawn.size);
  RC_ASSERT(back.geometry == drawn.geometry);
  const double agreement = dice(drawn, back);
  RC_ASSERT(agreement > 0.9);
  if (options.spacing_mm == 0) RC_ASSERT(agreement == 1.0);
  fs::remove_all(folder);
}

TEST(PrepareSubject, ProbabilitiesComeBackLinearly) {
  Image ramp = Image::make({8, 4, 4}, 1, PixelType::f32);
  ramp.geometry = {{2, 2, 2}, {0, 0, 0}, {1, 0, 0, 0, 1, 0, 0, 0, 1}, true};
  for (int64_t i = 0; i < ramp.voxels(); ++i) ramp.data<float>()[i] = static_cast<float>(i % 8);
  const imaging::Grid scan{{9, 1, 1}, {{1, 1, 1}, {1, 2, 2}, {1, 0, 0, 0, 1, 0, 0, 0, 1}, true}};
  const Image back = to_scan(ramp, scan);
  for (int64_t x = 0; x < 9; ++x) EXPECT_FLOAT_EQ(back.data<float>()[x], 0.5F * static_cast<float>(x + 1));
  const imaging::Grid beside{{1, 1, 1}, {{1, 1, 1}, {-5, 2, 2}, {1, 0, 0, 0, 1, 0, 0, 0, 1}, true}};
  EXPECT_EQ(to_scan(ramp, beside, 1).data<float>()[0], 1) << "what the prepared grid does not reach";
}

/// What predict sees is what training saw, and does not depend on the sequences beside it.
TEST(PrepareSubject, IsWhatTheCacheHolds) {
  const fs::path root = siberian_folder(), out = make_temporary_folder("prepared");
  const PrepareSiberianOptions options = small_options(root);
  prepare_siberian(options, out, {});
  const SiberianVolume cached(siberian_volume_file(out, kFirst));
  const PreparedVolume prepared = prepare_subject(subject_of(root / kFirst, {"T1CE", "FLAIR"}), {"FLAIR", "T1CE"}, options, {});
  EXPECT_EQ(prepared.grid.size, cached.size());
  EXPECT_EQ(prepared.grid.geometry.origin_mm, cached.facts().geometry.origin_mm);
  EXPECT_EQ(prepared.label.voxels(), 0) << "no label is asked for, so it is not read";
  EXPECT_EQ(prepared.scan.size, (std::array<int64_t, 3>{43, 43, 28}));
  for (int64_t z = 0; z < cached.size()[2]; ++z) {
    ASSERT_EQ(prepared.image(0, z).bytes, cached.image(2, z).bytes) << "FLAIR " << z;
    ASSERT_EQ(prepared.image(1, z).bytes, cached.image(1, z).bytes) << "T1CE " << z;
    ASSERT_EQ(prepared.image(1, z).geometry, cached.image(1, z).geometry) << z;
  }
}

TEST(PrepareSubject, ASubjectThatCannotBeUsedIsNoError) {
  const fs::path root = siberian_folder();
  Image flat = imaging::read_image(root / kFirst / "T1.nii.gz");
  std::fill(flat.bytes.begin(), flat.bytes.end(), std::byte{0});
  imaging::write_image(root / kFirst / "T1.nii.gz", flat);
  const RawSubject subject = subject_of(root / kFirst, {"T1", "T1CE"});
  EXPECT_EQ(prepare_subject(subject, {"T1", "T1CE"}, small_options(root), {}).failure,
            "registration of T1 failed: T1.nii.gz has no contrast");
}

TEST(PrepareSubject, OptionsAreStoredAndReadBack) {
  PreparationOptions options;
  options.size = 40;
  options.crop = false;
  options.spacing_mm = 1.5;
  options.registration = "none";
  const nlohmann::json stored = to_json(options);
  EXPECT_EQ(to_json(preparation_from(stored, "w")), stored);
}

TEST(PrepareSubjectError, DamagedOptions) {
  nlohmann::json stored = to_json(PreparationOptions{});
  const auto error = [&] { return data_error([&] { preparation_from(stored, "w"); }); };
  stored["size"] = 4;
  EXPECT_EQ(error(), "w: how its volumes were prepared is damaged: prepare: size 4 is out of range; must be in [16, 4096]");
  stored["size"] = "x";
  EXPECT_EQ(error(), "w: how its volumes were prepared is damaged: a fact is missing or of another kind");
  stored = nlohmann::json::array();
  EXPECT_EQ(error(), "w: how its volumes were prepared is damaged: a fact is missing or of another kind");
}

}  // namespace
}  // namespace larmor::datasets
